// Package jsonvalue converts Go values to compact JSON text and back.
package jsonvalue

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/expanse-go/session/internal/dotpath"
)

// Encode returns v as compact JSON text that [Decode] reads back as it was. A value that
// encoding/json would silently lose in part is an error. So is text that can be read in two
// ways, because an object has a name twice, and text deeper than [MaxDepth].
func Encode(v any) ([]byte, error) {
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
	case []any: // what Append adds
		if x != nil {
			return encodeList(x)
		}
	}
	return encodeReflect(v)
}

// encodeList encodes each value by itself, as if it were not in a list.
func encodeList(values []any) ([]byte, error) {
	list := []byte{'['}
	for i, v := range values {
		encode := Encode
		if _, nested := v.([]any); nested { // which may be the same list
			encode = encodeReflect
		}
		raw, err := encode(v)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, raw...)
	}
	return append(list, ']'), nil
}

func encodeReflect(v any) ([]byte, error) {
	t := reflect.TypeOf(v)
	p := planOf(place{t, true})
	if p.err != nil {
		return nil, p.err
	}
	if p.walk {
		if err := walkAny(v, 0); err != nil {
			return nil, err
		}
	}
	if p.copy && t.Kind() != reflect.Pointer {
		c := reflect.New(t)
		c.Elem().Set(reflect.ValueOf(v))
		v = c.Interface()
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, withoutValue(err)
	}
	raw := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	// The encoder escapes the replacement character only where it replaced invalid
	// bytes. A value that marshals itself may have written that escape, too.
	if !utf8.Valid(raw) || bytes.Contains(raw, []byte(`\ufffd`)) && invalidString(reflect.ValueOf(v), map[visit]bool{}) {
		return nil, errInvalidUTF8
	}
	if p.scan {
		switch depth, twice := dotpath.Inspect(raw); {
		case depth > MaxDepth:
			return nil, ErrTooDeep
		case twice:
			return nil, errTwice
		}
	}
	return raw, nil
}

// Decode reads a T from compact JSON text. Where an object has a name twice, the first one counts, as
// it does for paths. Common types need no reflection. In an any,
// integers are int64 (json.Number if they don't fit) and other numbers float64.
func Decode[T any](raw []byte) (v T, err error) {
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
	return decodeReflect[T](raw)
}

// decodeReflect has its own variable, so that the one in Decode does not escape.
func decodeReflect[T any](raw []byte) (v T, err error) {
	err = unmarshal(raw, &v)
	return v, err
}

// Unmarshal decodes raw into what dst points to, with the same number types as
// [Decode]. After an error *dst may be partly filled, as [json.Unmarshal] leaves it.
func Unmarshal(raw []byte, dst any) error {
	switch p := dst.(type) {
	case *any:
		return decodeInto(raw, p)
	case *map[string]any:
		return decodeInto(raw, p)
	case *[]any:
		return decodeInto(raw, p)
	}
	return unmarshal(raw, dst)
}

// unmarshal is json.Unmarshal with the numbers of Decode.
func unmarshal(raw []byte, dst any) error {
	raw = dotpath.Unique(raw)
	t := reflect.TypeOf(dst)
	if t == nil {
		return json.Unmarshal(raw, dst)
	}
	if p := planOf(place{t, true}); p.err == nil && !p.walk { // after an error, the plan is not complete
		return json.Unmarshal(raw, dst)
	}
	if err := decodeNumbers(raw, dst); err != nil {
		return err
	}
	fixNumbers(reflect.ValueOf(dst), map[visit]bool{})
	return nil
}

// decodeNumbers is json.Unmarshal with json.Number instead of float64.
func decodeNumbers(raw []byte, dst any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(dst); err != nil {
		return err
	}
	if len(bytes.TrimSpace(raw[d.InputOffset():])) > 0 {
		return errors.New("text after the value")
	}
	return nil
}

func decodeInto[T any](raw []byte, dst *T) error {
	if dst == nil {
		return errors.New("nil pointer")
	}
	v, err := Decode[T](raw)
	if err == nil {
		*dst = v
	}
	return err
}

func decodeAny(raw []byte) (v any, err error) {
	if err := decodeNumbers(dotpath.Unique(raw), &v); err != nil {
		return nil, err
	}
	return number(v), nil
}

// number replaces each json.Number by an int64 or, if it has a fraction or an
// exponent, by a float64, if that can hold it.
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

// fixNumbers does what number does, in all interfaces of a decoded value. What the caller has put
// there before may hold itself.
func fixNumbers(v reflect.Value, seen map[visit]bool) {
	if v.Kind() != reflect.Interface && marshalsItself(v.Type()) {
		return
	}
	if k := v.Kind(); k == reflect.Pointer || k == reflect.Map || k == reflect.Slice {
		at := visit{v.Pointer(), v.Type()}
		if v.IsNil() || seen[at] {
			return
		}
		seen[at] = true
	}
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() && v.NumMethod() == 0 && v.CanSet() {
			v.Set(reflect.ValueOf(number(v.Interface())))
		}
	case reflect.Pointer:
		fixNumbers(v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				fixNumbers(v.Field(i), seen)
			}
		}
	case reflect.Slice, reflect.Array:
		if !isPlain(v.Type().Elem()) {
			for i := range v.Len() {
				fixNumbers(v.Index(i), seen)
			}
		}
	case reflect.Map:
		if isPlain(v.Type().Elem()) {
			return
		}
		for it := v.MapRange(); it.Next(); {
			x := reflect.New(v.Type().Elem()).Elem()
			x.Set(it.Value())
			fixNumbers(x, seen)
			v.SetMapIndex(it.Key(), x)
		}
	}
}

var (
	errInvalidUTF8 = errors.New("invalid UTF-8; store bytes as []byte")
	errTwice       = errors.New("an object in it has a name twice, which readers may decode in different ways")
)

// invalidString reports whether a string or a map key that encoding/json encodes is
// not UTF-8. It skips unexported fields and values that encode themselves.
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

// A visit is a value that invalidString or fixNumbers has looked at. The encoder refuses cycles,
// but fields that it does not encode can close one through an embedded struct.
type visit struct {
	at uintptr
	t  reflect.Type
}
