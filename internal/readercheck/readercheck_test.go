package readercheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/memstore"
)

// mutants are mistakes that a reader could make. The verdicts must show each of them.
var mutants = map[string][][2]string{
	"reader.py": {
		{"now >= expires", "now > expires"},
		{" and now < deadline", ""},
		{"if kind == 1 else", "if True else"},
		{"> now + HOUR", "> now + 9 * HOUR"},
		{"min(expires, limit(e, created, active, settings))", "expires"},
		{"max(settings.absolute, e[\"idle\"])", "settings.absolute"},
		{"max(created, e[\"login\"])", "created"},
		{"namespace + raw", "namespace + raw[16:]"},
		{"if outcome != \"unknown\" and now", "if now"},
		{" or crc32c(data[6:]) != struct.unpack_from(\">I\", data, 2)[0]", ""},
		{"re.fullmatch(", "re.match("},
		{"if raw[:16] == bytes(16):", "if False:"},
	},
	"reader.mjs": {
		{"now >= expires", "now > expires"},
		{" && now < p.readBigInt64BE(33)", ""},
		{"p[32] === 1 ?", "p[32] ?"},
		{"> now + HOUR", "> now + 9n * HOUR"},
		{"min(record.expires, limit(e, record, settings))", "record.expires"},
		{"max(settings.absolute, e.idle)", "settings.absolute"},
		{"max(r.created, e.login)", "r.created"},
		{".subarray(0, 7), raw]", ".subarray(0, 7), raw.subarray(16)]"},
		{"if (outcome !== 'unknown' && now", "if (now"},
		{" || crc32c(data.subarray(6)) !== data.readUInt32BE(2)", ""},
		{"{64}$/", "{64}/"},
		{"if (raw.subarray(0, 16).equals(Buffer.alloc(16)))", "if (false)"},
	},
	"reader.php": {
		{"$now >= $expires", "$now > $expires"},
		{" && $now < integer('J', $p, 33)", ""},
		{"ord($p[32]) === 1 ?", "true ?"},
		{"> $now + HOUR", "> $now + 9 * HOUR"},
		{"min($expires, limit($e, $created, $active, $settings))", "$expires"},
		{"max($settings->absolute, $e['idle'])", "$settings->absolute"},
		{"max($created, $e['login'])", "$created"},
		{"$namespace . $raw", "$namespace . substr($raw, 16)"},
		{"if ($outcome !== 'unknown' && $now", "if ($now"},
		{" || crc32c(substr($data, 6)) !== substr($data, 2, 4)", ""},
		{"$/D", "$/"},
		{"if (substr($raw, 0, 16) === str_repeat(\"\\0\", 16))", "if (false)"},
	},
}

// TestMutants shows that the questions are good enough: each mistake leads to a wrong answer, or
// makes the reader fail.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("runs each reader a dozen times")
	}
	store := memstore.New(memstore.Config{})
	questions := generate(t, store, func(id session.ID) []Value {
		r, err := store.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return []Value{Row(r.Owner, r.CreatedAt.UnixNano(), r.LastActivity.UnixNano(), r.ExpiresAt.UnixNano(), r.Data)}
	})
	for _, r := range readers {
		t.Run(r.file, func(t *testing.T) {
			program := testserver.DSN(t, r.env)
			source, err := os.ReadFile(filepath.Join(folder(), r.file))
			if err != nil {
				t.Fatal(err)
			}
			if wrong, _, err := r.differences(t.Context(), program, filepath.Join(folder(), r.file), questions); len(wrong) > 0 || err != nil {
				t.Fatalf("%d wrong answers (%v): %q", len(wrong), err, wrong[:min(1, len(wrong))])
			}
			file := filepath.Join(t.TempDir(), r.file)
			for _, m := range mutants[r.file] {
				if strings.Count(string(source), m[0]) != 1 {
					t.Errorf("%q is not in the reader once", m[0])
					continue
				}
				if err := os.WriteFile(file, []byte(strings.Replace(string(source), m[0], m[1], 1)), 0o600); err != nil {
					t.Fatal(err)
				}
				if wrong, asked, err := r.differences(t.Context(), program, file, questions); err == nil && len(wrong) == 0 {
					t.Errorf("%q in place of %q: %d right answers", m[1], m[0], asked)
				}
			}
		})
	}
}
