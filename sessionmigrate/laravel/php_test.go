package laravel

import (
	"reflect"
	"strings"
	"testing"
)

func TestUnserialize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"N;":                              nil,
		"b:1;":                            true,
		"i:-9223372036854775808;":         int64(-1 << 63),
		"d:1.5E+25;":                      1.5e25,
		"s:6:\"größe\";":                  nil, // the length is in bytes
		"s:7:\"größe\";":                  "größe",
		"s:4:\"a\";b\";":                  "a\";b",
		"a:0:{}":                          []any{},
		"a:2:{i:0;i:1;i:1;N;}":            []any{int64(1), nil},
		"a:2:{i:1;i:1;i:0;N;}":            map[string]any{"1": int64(1), "0": nil},
		"a:1:{s:1:\"k\";a:0:{}}":          map[string]any{"k": []any{}},
		"O:1:\"A\":1:{s:1:\"x\";N;}":      Object{"A"},
		"C:1:\"A\":3:{a}b}":               Object{"A"},
		"E:3:\"A:B\";":                    Object{"A:B"},
		"a:2:{i:0;i:1;i:1;R:2;}":          []any{int64(1), Object{"reference"}},
		"":                                nil,
		"i:1":                             nil,
		"i:1;i:2;":                        nil,
		"s:9999999999:\"a\";":             nil,
		"s:-1:\"a\";":                     nil,
		"a:1000000000:{i:0;i:1;}":         nil,
		"a:1:{b:1;i:1;}":                  nil,
		"b:2;":                            nil,
		"x:1;":                            nil,
		strings.Repeat("a:1:{i:0;", 1000): nil,
	} {
		got, err := unserialize(text)
		if text == "N;" {
			if got != nil || err != nil {
				t.Errorf("%q: %v, %v", text, got, err)
			}
			continue
		}
		if want == nil && err == nil || want != nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%.40q: got %v, %v; want %v", text, got, err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "session: ") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func FuzzUnserialize(f *testing.F) {
	f.Add("a:2:{s:4:\"name\";s:3:\"Ana\";i:1;d:0.5;}")
	f.Add("O:5:\"Point\":1:{s:1:\"x\";i:1;}")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = unserialize(text) }) // no panic
}
