package cli

// Rules for output:
//
//   - Standard output contains only the result, so that it can be piped. Progress,
//     warnings and errors go to standard error. After a usage error, standard output is
//     empty.
//   - A line on standard error begins with "beam: ", followed by "warning: " for a
//     warning. It has no capital and no full stop. All mistakes are reported at once,
//     each on its own line.
//   - Progress appears only on a terminal, only for work that takes longer than a second,
//     and is erased afterwards. Color appears only on a terminal, never with NO_COLOR or
//     TERM=dumb, and never conveys anything that the text does not.
//   - With --json, standard output is one JSON value and a line break: keys in snake
//     case, times in UTC as RFC 3339, an empty list as [], never null.
//   - Text from a browser, such as a user agent, is shown without control characters,
//     which could manipulate the terminal.
//   - Secrets, such as tokens and passwords of connections, are never printed. The ID of
//     a session is public.
//   - The exit code is one of the constants below.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/mattn/go-isatty"
)

// Exit codes.
const (
	ExitOK            = 0   // success, even if there was nothing to do
	ExitFailed        = 1   // the command failed, or a check found a problem
	ExitUsage         = 2   // the command line is wrong; nothing was done
	ExitConfiguration = 3   // the configuration is wrong; nothing was done
	ExitInterrupted   = 130 // ended by a signal before it was done
)

// A stream is standard output or standard error, and its capabilities.
type stream struct {
	io.Writer

	terminal bool
	colour   bool
}

// newStream enables progress and color only if w is a terminal. Cygwin's terminals are pipes
// and are treated as such.
func newStream(w io.Writer, getenv func(string) string) stream {
	f, ok := w.(*os.File)
	terminal := ok && isatty.IsTerminal(f.Fd()) && getenv("TERM") != "dumb"
	return stream{Writer: w, terminal: terminal, colour: terminal && getenv("NO_COLOR") == ""}
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	faint  = "2"
)

// paint wraps text in an SGR sequence if the stream shows color.
func (s stream) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// printf writes to standard output. If a write fails, Run returns an error at the end.
func (a *app) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil && a.writeErr == nil {
		a.writeErr = err
	}
}

// warn and fail write one line each to standard error.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.stderr, "beam: %s%s\n", a.stderr.paint(yellow, "warning: "), fmt.Sprintf(format, args...))
}

func (a *app) fail(text string) {
	fmt.Fprintf(a.stderr, "%s %s\n", a.stderr.paint(red, "beam:"), text)
}

// json writes v as indented JSON. It also escapes non-ASCII control characters, which
// encoding/json does not. They occur only in strings.
func (a *app) json(v any) error {
	text, err := encode(v)
	if err != nil {
		return err
	}
	a.printf("%s", text)
	return nil
}

func encode(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return escapeControls(b.String()), err
}

func escapeControls(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}

// clean makes untrusted text safe for a terminal, on one line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// table writes rows in aligned columns. The last column is not padded. A nil header is left
// out.
func (a *app) table(header []string, rows [][]string) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if header != nil {
		rows = append([][]string{header}, rows...)
	}
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		line = strings.TrimRight(line, " ")
		if i == 0 && header != nil {
			line = a.stdout.paint(faint, line)
		}
		a.printf("%s\n", line)
	}
}
