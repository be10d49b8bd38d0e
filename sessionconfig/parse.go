package sessionconfig

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A kind is the format of a value. The comments give the Go type that parse returns; a
// setting that is switched off has the value -1.
type kind int

const (
	kindText     kind = iota // string
	kindBool                 // bool
	kindCount                // int64, at least 1
	kindBytes                // int64, at least 1
	kindMinutes              // time.Duration; a bare number is minutes
	kindDuration             // time.Duration; with a unit
	kindChoice               // string, lower case
	kindList                 // []string
	kindNumber               // int64, also zero and negative; for stores registered with With
	kindSpan                 // time.Duration, also zero and negative; likewise
)

// parse parses and validates a value for s. The error says what is wrong and how to fix
// it, without the value, which may be secret.
func (s spec) parse(e entry) (any, error) {
	if e.flaw != "" {
		return nil, errors.New(e.flaw)
	}
	text, isText := e.value.(string)
	fromVariable := e.origin.Variable != ""
	if s.word != "" && isText && strings.EqualFold(text, s.word) {
		if s.kind == kindMinutes || s.kind == kindDuration {
			return time.Duration(-1), nil
		}
		return int64(-1), nil
	}
	switch s.kind {
	case kindText:
		if !isText {
			return nil, errors.New("must be a string; put it in double quotes")
		}
		return text, nil
	case kindChoice:
		if !isText || !slices.Contains(s.choices, strings.ToLower(text)) {
			return nil, fmt.Errorf("must be one of %s%s", quoted(s.choices), didYouMean(text, s.choices))
		}
		return strings.ToLower(text), nil
	case kindBool:
		return parseBool(e.value, fromVariable)
	case kindList:
		return parseList(e.value, fromVariable)
	case kindCount:
		return s.parseCount(e.value, fromVariable)
	case kindBytes:
		return s.parseBytes(e.value)
	case kindNumber:
		return parseNumber(e.value, fromVariable)
	case kindSpan:
		if d, err := time.ParseDuration(text); err == nil {
			return d, nil
		}
		return nil, fmt.Errorf("is not a duration; use %s", s.durationForm())
	}
	return s.parseDuration(e.value)
}

func parseBool(v any, fromVariable bool) (any, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	if text, ok := v.(string); ok && fromVariable {
		switch strings.ToLower(text) {
		case "true", "1", "yes", "on":
			return true, nil
		case "false", "0", "no", "off":
			return false, nil
		}
	}
	return nil, errors.New("must be true or false, without quotes")
}

func parseList(v any, fromVariable bool) (any, error) {
	if text, ok := v.(string); ok && fromVariable {
		var list []string
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, nil
	}
	items, ok := v.([]any)
	list := make([]string, 0, len(items))
	for _, item := range items {
		text, isText := item.(string)
		ok = ok && isText
		list = append(list, text)
	}
	if !ok {
		return nil, errors.New(`must be a list of strings, such as ["a", "b"]`)
	}
	return list, nil
}

func (s spec) parseCount(v any, fromVariable bool) (any, error) {
	n, ok := v.(int64)
	if text, isText := v.(string); isText && fromVariable {
		var err error
		n, err = strconv.ParseInt(text, 10, 64)
		ok = err == nil
	}
	if !ok {
		return nil, fmt.Errorf("must be a whole number%s", s.orWord())
	}
	if most := cmp.Or(s.most, math.MaxInt32); n < 1 || n > most {
		return nil, fmt.Errorf("must be a number from 1 to %d%s", most, s.orWord())
	}
	return n, nil
}

func parseNumber(v any, fromVariable bool) (any, error) {
	if n, ok := v.(int64); ok {
		return n, nil
	}
	if text, ok := v.(string); ok && fromVariable {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
	}
	return nil, errors.New("must be a whole number, without quotes")
}

// units are binary only, because "MB" is ambiguous.
var units = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func (s spec) parseBytes(v any) (any, error) {
	n, ok := v.(int64)
	if text, isText := v.(string); isText {
		unit := int64(1)
		for _, u := range units {
			if rest, found := strings.CutSuffix(text, u.suffix); found {
				text, unit = strings.TrimSpace(rest), u.bytes
				break
			}
		}
		m, err := strconv.ParseInt(text, 10, 64)
		ok = err == nil && m <= math.MaxInt64/unit
		n = m * unit
	}
	if !ok || n < 1 || n > math.MaxInt {
		return nil, fmt.Errorf(`must be a positive number of bytes, such as 65536 or "64KiB" (KiB, MiB, GiB)%s`, s.orWord())
	}
	return n, nil
}

func (s spec) parseDuration(v any) (any, error) {
	var d time.Duration
	var err error
	text, isText := v.(string)
	n, isNumber := v.(int64)
	if isText && !isNumber {
		// On overflow, ParseInt returns the largest int64, which is too long as well.
		if m, e := strconv.ParseInt(text, 10, 64); e == nil || errors.Is(e, strconv.ErrRange) {
			n, isNumber = m, true
		}
	}
	switch {
	case isNumber && s.kind == kindDuration && n > 0:
		return nil, fmt.Errorf(`has no unit; use "%ds" or "%dm"%s`, n, n, s.orWord())
	case isNumber && n <= 0: // the product could overflow
	case isNumber && n > math.MaxInt64/int64(time.Minute):
		return nil, s.tooLong()
	case isNumber:
		d = time.Duration(n) * time.Minute
	case isText:
		d, err = time.ParseDuration(text)
	default:
		err = errors.New("neither text nor number")
	}
	switch {
	case err != nil:
		if days, ok := strings.CutSuffix(text, "d"); ok {
			if n, e := strconv.Atoi(days); e == nil && n > 0 && n < 100_000 {
				return nil, fmt.Errorf(`uses days, which are not a unit; use "%dh"`, 24*n)
			}
		}
		if durationText.MatchString(text) {
			return nil, s.tooLong()
		}
		return nil, fmt.Errorf("is not a duration; use %s%s", s.durationForm(), s.orWord())
	case d <= 0:
		return nil, fmt.Errorf("must be greater than 0%s", s.orWord())
	case s.kind == kindMinutes && d < time.Second: // cookies count in seconds
		return nil, fmt.Errorf(`must be at least "1s"%s`, s.orWord())
	}
	return d, nil
}

// durationText matches well-formed durations. If [time.ParseDuration] rejects one, it
// overflows.
var durationText = regexp.MustCompile(`^\+?([0-9]+(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h))+$`)

func (s spec) tooLong() error {
	if s.kind == kindMinutes {
		return fmt.Errorf(`is too long; use at most "9600h" (400 days)%s`, s.orWord())
	}
	return fmt.Errorf("is too long; use %s%s", s.durationForm(), s.orWord())
}

func (s spec) durationForm() string {
	if s.kind == kindMinutes {
		return `a number of minutes, a string such as "2h" or "1h30m"`
	}
	return `a string such as "30s", "5m" or "1h30m"`
}

func (s spec) orWord() string {
	if s.word == "" {
		return ""
	}
	return fmt.Sprintf(`, or "%s" (%s)`, s.word, s.effect)
}

// show formats a parsed value as TOML.
func (s spec) show(v any) string {
	switch v := v.(type) {
	case time.Duration:
		if v < 0 {
			return strconv.Quote(s.word)
		}
		return strconv.Quote(short(v))
	case int64:
		if v < 0 {
			return strconv.Quote(s.word)
		}
		if s.kind == kindBytes {
			for _, u := range units {
				if v%u.bytes == 0 {
					return fmt.Sprintf(`"%d%s"`, v/u.bytes, u.suffix)
				}
			}
		}
	}
	return literal(v)
}

// short formats a duration without trailing zero parts: "2h", not "2h0m0s".
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func quoted(names []string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = strconv.Quote(n)
	}
	return strings.Join(parts, ", ")
}
