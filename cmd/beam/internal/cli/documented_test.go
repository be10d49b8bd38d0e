package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"
)

// The commands in docs and in the README exist, with the options that they are given there.
func TestDocumentedCommands(t *testing.T) {
	root := "../../../.."
	pages := []string{filepath.Join(root, "README.md")}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	line := regexp.MustCompile("(?m)^    (?:\\$ |.* && )?(?:\\S*/)?beam ([^&#\n]*)|`(?:\\./)?beam ([^`]*)`")
	commands := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			commands++
			words := strings.Fields(m[1] + m[2])
			if wrong := unknownWord((&app{}).tree(), words); wrong != "" {
				t.Errorf("%s: beam %s: there is no %s", page, strings.Join(words, " "), wrong)
			}
		}
	}
	if commands < 50 {
		t.Errorf("found %d commands", commands)
	}
	for line, want := range map[string]string{"session": "", "session revok": "revok", "session clear --al": "--al", "session show x": ""} {
		if got := unknownWord((&app{}).tree(), strings.Fields(line)); got != want {
			t.Errorf("beam %s: got %q, want %q", line, got, want)
		}
	}
}

// unknownWord follows the words of a command line, and returns the first command or option that
// does not exist.
func unknownWord(cmd *cli.Command, words []string) string {
	for _, word := range words {
		if name, ok := strings.CutPrefix(word, "--"); ok {
			name, _, _ = strings.Cut(name, "=")
			known := func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }
			if name != "help" && name != "config" && !slices.ContainsFunc(cmd.Flags, known) {
				return word
			}
			continue
		}
		if len(cmd.Commands) == 0 {
			continue // an argument
		}
		i := slices.IndexFunc(cmd.Commands, func(c *cli.Command) bool { return c.Name == word })
		if i < 0 {
			if word != strings.ToUpper(word) { // COMMAND stands for any
				return word
			}
			return ""
		}
		cmd = cmd.Commands[i]
	}
	return ""
}
