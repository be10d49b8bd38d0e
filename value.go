package session

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/expanse-go/session/internal/dotpath"
)

// Get returns the value at a path, or def if there is none or it is not a T. A
// stored null is a value: it gives the zero T. The value is a copy.
//
// T is any type that encoding/json decodes. In an any, integers are int64
// ([json.Number] if they do not fit) and other numbers float64.
func Get[T any](s *Session, path string, def T) T {
	if v, ok := Lookup[T](s, path); ok {
		return v
	}
	return def
}

// Lookup is [Get] for callers that must tell an absent value from a zero one. It
// reports false if there is no value at the path or it is not a T.
func Lookup[T any](s *Session, path string) (T, bool) {
	raw, ok := s.lookup(path)
	if !ok {
		var zero T
		return zero, false
	}
	v, err := decode[T](raw)
	return v, err == nil
}

// Decode stores the value at a path into what dst points to. The error is
// [ErrNotFound] if there is none, [ErrInvalidPath] for what is no path, or a
// [*TypeError]; then *dst is unchanged or partly filled, as [json.Unmarshal]
// leaves it.
func (s *Session) Decode(path string, dst any) error {
	if err := checkPath(path); err != nil {
		return err
	}
	raw, ok := s.lookup(path)
	if !ok {
		return fmt.Errorf("session: no value at %q: %w", path, ErrNotFound)
	}
	var err error
	switch p := dst.(type) {
	case *any:
		err = into(p, raw)
	case *map[string]any:
		err = into(p, raw)
	case *[]any:
		err = into(p, raw)
	default:
		err = json.Unmarshal(raw, dst)
	}
	if err != nil {
		return &TypeError{Path: path, Want: typeName(dst, true), Err: err}
	}
	return nil
}

func into[T any](dst *T, raw []byte) error {
	if dst == nil {
		return errors.New("nil pointer")
	}
	v, err := decode[T](raw)
	if err == nil {
		*dst = v
	}
	return err
}

// decode reads a T. The common types are read without reflection.
func decode[T any](raw []byte) (v T, err error) {
	switch p := any(&v).(type) {
	case *string:
		if n := len(raw); n >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
			*p = string(raw[1 : n-1])
			return v, nil
		}
	case *bool:
		switch string(raw) {
		case "true":
			*p = true
			return v, nil
		case "false":
			return v, nil
		}
	case *int:
		if n, err := strconv.Atoi(string(raw)); err == nil {
			*p = n
			return v, nil
		}
	case *int64:
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			*p = n
			return v, nil
		}
	case *any:
		*p, err = decodeAny(raw)
		return v, err
	case *map[string]any:
		x, err := decodeAny(raw)
		if m, ok := x.(map[string]any); ok {
			*p = m
			return v, err
		}
	case *[]any:
		x, err := decodeAny(raw)
		if l, ok := x.([]any); ok {
			*p = l
			return v, err
		}
	}
	return decodeSlow[T](raw)
}

// decodeSlow has a variable of its own, so that decode's need not escape.
func decodeSlow[T any](raw []byte) (v T, err error) {
	err = json.Unmarshal(raw, &v)
	return v, err
}

func decodeAny(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return number(v), nil
}

// number replaces each json.Number that an int64 or, if it has a fraction or an
// exponent, a float64 holds.
func number(v any) any {
	switch c := v.(type) {
	case json.Number:
		if n, err := c.Int64(); err == nil {
			return n
		}
		if bytes.ContainsAny([]byte(c), ".eE") {
			if f, err := c.Float64(); err == nil {
				return f
			}
		}
	case map[string]any:
		for k, x := range c {
			c[k] = number(x)
		}
	case []any:
		for i, x := range c {
			c[i] = number(x)
		}
	}
	return v
}

// encode writes a value as compact JSON. What JSON would change in silence is an
// error: invalid UTF-8 becomes U+FFFD there.
func encode(v any) ([]byte, error) {
	switch x := v.(type) {
	case string:
		if !utf8.ValidString(x) {
			return nil, errInvalidUTF8
		}
		return dotpath.AppendString(make([]byte, 0, len(x)+2), x), nil
	case bool:
		return strconv.AppendBool(nil, x), nil
	case int:
		return strconv.AppendInt(nil, int64(x), 10), nil
	case int64:
		return strconv.AppendInt(nil, x, 10), nil
	case nil:
		return []byte("null"), nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	raw := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	// The encoder writes an escape for the replacement character only in place of
	// invalid bytes, or where a value that marshals itself did.
	if !utf8.Valid(raw) || bytes.Contains(raw, []byte(`\ufffd`)) && invalidString(reflect.ValueOf(v), map[visit]bool{}) {
		return nil, errInvalidUTF8
	}
	return raw, nil
}

var errInvalidUTF8 = errors.New("invalid UTF-8; store bytes as []byte")

// invalidString looks for a string or map key that is not UTF-8 among what the
// encoder has written: exported fields, and no value that encodes itself.
func invalidString(v reflect.Value, seen map[visit]bool) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return false
	case reflect.Pointer, reflect.Map, reflect.Slice:
		at := visit{v.Pointer(), v.Type()}
		if v.IsNil() || seen[at] && v.Kind() != reflect.Slice {
			return false
		}
		seen[at] = true
	}
	if t := v.Type(); t.Implements(jsonMarshaler) || t.Implements(textMarshaler) {
		return false
	}
	switch v.Kind() {
	case reflect.String:
		return !utf8.ValidString(v.String())
	case reflect.Pointer, reflect.Interface:
		return invalidString(v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if (f.IsExported() || f.Anonymous) && f.Tag.Get("json") != "-" && invalidString(v.Field(i), seen) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return false // encoded as base64
		}
		for i := range v.Len() {
			if invalidString(v.Index(i), seen) {
				return true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if invalidString(it.Key(), seen) || invalidString(it.Value(), seen) {
				return true
			}
		}
	}
	return false
}

// visit is a place that was looked at: fields that are not encoded may close a
// cycle all the same, through an embedded struct.
type visit struct {
	at uintptr
	t  reflect.Type
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

func typeName(v any, elem bool) string {
	t := reflect.TypeOf(v)
	if elem && t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "nil"
	}
	return t.String()
}
