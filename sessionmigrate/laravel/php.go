package laravel

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An Object stands for a PHP object or enum case in a session. This package does not know the
// meaning of its values.
type Object struct {
	Class string // its name; of an enum, with the case, as in "Suit:Hearts"
}

var errPHP = errors.New("session: the text is not what PHP's serialize writes")

// maxDepth limits the nesting, so that no input exhausts the stack.
const maxDepth = 100

// unserialize decodes what PHP's serialize has written: null, booleans, integers, floats, strings,
// and arrays, which become []any if their keys are 0, 1, 2, …, and map[string]any otherwise. It
// creates no objects.
func unserialize(text string) (any, error) {
	p := parser{text, 0}
	v, err := p.value()
	if err == nil && p.rest != "" {
		err = errPHP
	}
	if err != nil {
		return nil, fmt.Errorf("%w: byte %d", err, len(text)-len(p.rest))
	}
	return v, nil
}

type parser struct {
	rest  string
	depth int
}

// until returns the text up to a separator, and continues behind it.
func (p *parser) until(sep string) (string, error) {
	before, after, ok := strings.Cut(p.rest, sep)
	if !ok {
		return "", errPHP
	}
	p.rest = after
	return before, nil
}

func (p *parser) expect(text string) error {
	rest, ok := strings.CutPrefix(p.rest, text)
	if !ok {
		return errPHP
	}
	p.rest = rest
	return nil
}

func (p *parser) length(sep string) (int, error) {
	text, err := p.until(sep)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || int(n) > len(p.rest) { // each byte, element or property takes at least one byte
		return 0, errPHP
	}
	return int(n), nil
}

// quoted reads a length and that many bytes in quotes.
func (p *parser) quoted() (string, error) {
	n, err := p.length(":")
	if err != nil {
		return "", err
	}
	if err := p.expect(`"`); err != nil || len(p.rest) < n {
		return "", errPHP
	}
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s, p.expect(`"`)
}

func (p *parser) value() (any, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("session: the PHP value is nested more than %d levels deep", maxDepth)
	}
	defer func() { p.depth-- }()
	if p.rest == "N;" || strings.HasPrefix(p.rest, "N;") {
		p.rest = p.rest[2:]
		return nil, nil
	}
	kind, err := p.until(":")
	if err != nil {
		return nil, err
	}
	switch kind {
	case "b", "i", "d", "r", "R":
		return p.scalar(kind)
	case "s":
		s, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return s, p.expect(";")
	case "a":
		return p.array()
	case "O", "C", "E":
		return p.object(kind)
	}
	return nil, errPHP
}

func (p *parser) scalar(kind string) (any, error) {
	text, err := p.until(";")
	if err != nil {
		return nil, err
	}
	switch {
	case kind == "b" && (text == "0" || text == "1"):
		return text == "1", nil
	case kind == "i":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errPHP
		}
		return n, nil
	case kind == "d":
		f, err := strconv.ParseFloat(strings.ToLower(text), 64) // PHP writes INF, -INF and NAN
		if err != nil {
			return nil, errPHP
		}
		return f, nil
	case kind == "r" || kind == "R":
		return Object{Class: "reference"}, nil
	}
	return nil, errPHP
}

// array reads the elements of an array. Its keys are integers and strings.
func (p *parser) array() (any, error) {
	n, err := p.length(":")
	if err == nil {
		err = p.expect("{")
	}
	if err != nil {
		return nil, err
	}
	items, named, isList := make([]any, 0, min(n, 1024)), map[string]any{}, true
	for i := range n {
		k, err := p.value()
		if err != nil {
			return nil, err
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		switch k := k.(type) {
		case int64:
			isList = isList && k == int64(i)
			named[strconv.FormatInt(k, 10)] = v
		case string:
			isList = false
			named[k] = v
		default:
			return nil, errPHP
		}
		items = append(items, v)
	}
	if err := p.expect("}"); err != nil {
		return nil, err
	}
	if isList {
		return items, nil
	}
	return named, nil
}

// object skips an object.
func (p *parser) object(kind string) (any, error) {
	class, err := p.quoted()
	if err != nil {
		return nil, err
	}
	if kind == "E" {
		return Object{class}, p.expect(";")
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	if kind == "O" {
		_, err := p.array()
		return Object{class}, err
	}
	n, err := p.length(":")
	if err != nil {
		return nil, err
	}
	if err := p.expect("{"); err != nil || len(p.rest) < n {
		return nil, errPHP
	}
	p.rest = p.rest[n:]
	return Object{class}, p.expect("}")
}
