package sessionmigrate

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// A ValueError is a value of an old session that cannot be stored.
type ValueError struct {
	Key  string // in the old session
	Type string // of the value, or of a value inside it
	Err  error  // why
}

// Error says which key, which type, and what to do.
func (e *ValueError) Error() string {
	return fmt.Sprintf("session: cannot take over the value of %q (type %s): %v; convert it in Config.Map, or leave it out there", e.Key, e.Type, e.Err)
}

// Unwrap returns the cause.
func (e *ValueError) Unwrap() error { return e.Err }

// Value is the mapping of a [Config] without a Map. It accepts what JSON can hold: nil, booleans,
// numbers, strings of UTF-8, [time.Time], and slices, arrays and maps of these. A []byte becomes
// text in base64, as encoding/json writes it. Keys of maps are strings, booleans or integers, and
// become strings. Anything else, such as a struct, is a [*ValueError].
func Value(key string, v any) (any, error) {
	out, err := plain(reflect.ValueOf(v), 0)
	if err != nil {
		return nil, &ValueError{Key: key, Type: err.typ, Err: err.why}
	}
	return out, nil
}

type unfit struct {
	typ string
	why error
}

func refuse(v reflect.Value, format string, args ...any) *unfit {
	typ := "nil"
	if v.IsValid() {
		typ = v.Type().String()
	}
	return &unfit{typ, fmt.Errorf(format, args...)}
}

// maxDepth is far below the depth at which encoding/json fails.
const maxDepth = 100

func plain(v reflect.Value, depth int) (any, *unfit) {
	if depth > maxDepth {
		return nil, refuse(v, "it is nested more than %d levels deep", maxDepth)
	}
	if !v.IsValid() {
		return nil, nil
	}
	if _, ok := v.Interface().(time.Time); ok {
		return v.Interface(), nil
	}
	switch v.Kind() {
	case reflect.Interface:
		return plain(v.Elem(), depth)
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.Interface(), nil
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, refuse(v, "JSON has no %v", f)
		}
		return v.Interface(), nil
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return nil, refuse(v, "the text is not UTF-8")
		}
		return v.Interface(), nil
	case reflect.Slice, reflect.Array:
		return list(v, depth)
	case reflect.Map:
		return object(v, depth)
	}
	return nil, refuse(v, "only values that JSON can hold as they are can be taken over")
}

func list(v reflect.Value, depth int) (any, *unfit) {
	if v.Kind() == reflect.Slice {
		if v.IsNil() {
			return nil, nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes(), nil
		}
	}
	out := make([]any, v.Len())
	for i := range out {
		var err *unfit
		if out[i], err = plain(v.Index(i), depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func object(v reflect.Value, depth int) (any, *unfit) {
	if v.IsNil() {
		return nil, nil
	}
	out := make(map[string]any, v.Len())
	for it := v.MapRange(); it.Next(); {
		name, ok := text(it.Key())
		if !ok {
			return nil, refuse(it.Key(), "it is the key of a map, and becomes no string")
		}
		if _, twice := out[name]; twice {
			return nil, refuse(it.Key(), "two keys of a map both become %q", name)
		}
		e, err := plain(it.Value(), depth+1)
		if err != nil {
			return nil, err
		}
		out[name] = e
	}
	return out, nil
}

// text returns the key of a map as a string.
func text(v reflect.Value) (string, bool) {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch {
	case !v.IsValid():
		return "", false
	case v.Kind() == reflect.String:
		return v.String(), utf8.ValidString(v.String())
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), true
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), true
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	}
	return "", false
}

// OwnerKey returns a function for [Config].Owner that reads the owner from a key of the old
// session: a string, an integer, or a value with a MarshalText method. A session without the key,
// or with "" or 0 there, is anonymous.
func OwnerKey(key string) func(Old) (string, error) {
	return func(old Old) (string, error) {
		v, ok := old.Values[key]
		if !ok || v == nil || reflect.ValueOf(v).IsZero() {
			return "", nil
		}
		if m, ok := v.(encoding.TextMarshaler); ok {
			b, err := m.MarshalText()
			return string(b), err
		}
		if r := reflect.ValueOf(v); r.Kind() == reflect.String || r.CanInt() || r.CanUint() {
			owner, _ := text(r)
			return owner, nil
		}
		if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 { // from JSON
			return strconv.FormatInt(int64(f), 10), nil
		}
		return "", &ValueError{Key: key, Type: fmt.Sprintf("%T", v), Err: fmt.Errorf("it names no owner; write a Config.Owner of your own")}
	}
}
