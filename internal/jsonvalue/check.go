package jsonvalue

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// A plan is what Encode knows about a type. It is made once.
type plan struct {
	err  error // why a value of the type would not come back as it was
	walk bool  // values have to be looked at: they hold interfaces, their own type, or keys that may not come back
	copy bool  // a method that marshals has a pointer receiver, so it needs a value in memory
	scan bool  // the text may have a name twice, or nest deeply
}

// A place is a type, and whether a value of it lies in memory, as encoding/json sees it. What a map
// or an interface holds does not: there, encoding/json ignores methods with a pointer receiver.
type place struct {
	t       reflect.Type
	inPlace bool
}

var plans sync.Map // place → *plan

func planOf(at place) *plan {
	if p, ok := plans.Load(at); ok {
		return p.(*plan)
	}
	c := checker{done: map[place]bool{}}
	c.err = c.check(at)
	plans.Store(at, &c.plan)
	return &c.plan
}

// A checker makes the plan of a type from the types that it consists of.
type checker struct {
	plan
	done map[place]bool // false while a type is being checked
}

func (c *checker) check(at place) error {
	if done, begun := c.done[at]; begun {
		if !done { // it holds itself
			c.walk, c.scan = true, true
		}
		return nil
	}
	c.done[at] = false
	defer func() { c.done[at] = true }()

	t := at.t
	if itself, err := c.marshaler(at); itself || err != nil {
		return err
	}
	switch t.Kind() {
	case reflect.Pointer:
		return c.check(place{t.Elem(), true})
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return fmt.Errorf("the value in an interface such as %s cannot be read back; %s", t, instead(t))
		}
		c.walk, c.scan = true, true
	case reflect.Slice:
		return c.check(place{t.Elem(), true})
	case reflect.Array:
		return c.check(place{t.Elem(), at.inPlace})
	case reflect.Map:
		if err := c.key(t.Key()); err != nil {
			return err
		}
		return c.check(place{t.Elem(), false})
	case reflect.Struct:
		return c.object(at)
	}
	return nil
}

// key checks the type of a map's keys.
func (c *checker) key(t reflect.Type) error {
	if !marshalsKey(t) {
		c.walk = c.walk || reflect.PointerTo(t).Implements(textUnmarshaler)
		return nil
	}
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface || !reflect.PointerTo(t).Implements(textUnmarshaler) {
		return fmt.Errorf("keys of type %s cannot be read back; use strings as keys", t)
	}
	c.scan = true // different keys may have the same text
	return nil
}

// marshalsKey reports whether encoding/json calls a method of a map's key to write it.
func marshalsKey(t reflect.Type) bool {
	return t.Kind() != reflect.String && t.Implements(textMarshaler)
}

// keysComeBack looks at keys that encoding/json writes as they are, but reads back by their
// UnmarshalText.
func keysComeBack(m reflect.Value) error {
	t := m.Type().Key()
	if marshalsKey(t) || !reflect.PointerTo(t).Implements(textUnmarshaler) {
		return nil
	}
	for it := m.MapRange(); it.Next(); {
		k := it.Key()
		text := k.String()
		switch {
		case k.CanInt():
			text = strconv.FormatInt(k.Int(), 10)
		case k.CanUint():
			text = strconv.FormatUint(k.Uint(), 10)
		}
		back := reflect.New(t)
		if err := back.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil || !back.Elem().Equal(k) {
			return fmt.Errorf("keys of type %s are not read back as they were, because encoding/json calls UnmarshalText, but not MarshalText; use strings as keys", t)
		}
	}
	return nil
}

// marshaler checks a type that marshals itself, and reports whether it does.
func (c *checker) marshaler(at place) (itself bool, err error) {
	t := at.t
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false, nil
	}
	p := reflect.PointerTo(t)
	marshals := p.Implements(jsonMarshaler) || p.Implements(textMarshaler)
	unmarshals := p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler)
	if !marshals && !unmarshals {
		return false, nil
	}
	if embedded, others := promoter(t); others {
		return false, fmt.Errorf("%s embeds %s, which marshals itself, so the other fields would be lost; give the field a name instead of embedding it", t, embedded)
	}
	if embedded := promotingPointer(t); embedded != nil {
		return false, fmt.Errorf("%s embeds %s, whose methods panic while it is nil, so it cannot be read back; give the field a name instead of embedding it", t, embedded)
	}
	method := textMarshaler
	if p.Implements(jsonMarshaler) {
		method, unmarshals = jsonMarshaler, p.Implements(jsonUnmarshaler)
	}
	switch byValue := t.Implements(method); {
	case !marshals:
		return false, nil
	case !unmarshals:
		return false, fmt.Errorf("%s has a method that marshals it, but none that unmarshals it; %s", t, instead(t))
	case !byValue && !at.inPlace:
		return false, fmt.Errorf("%s marshals itself with a method that has a pointer receiver, which cannot be called in a map or an any; store *%s there", t, t)
	case !byValue:
		c.copy = true
	}
	c.scan = c.scan || method == jsonMarshaler && t != reflect.TypeFor[time.Time]()
	return true, nil
}

// promoter returns the embedded field whose methods marshal or unmarshal a struct, and whether
// the struct has other fields, which these methods do not know.
func promoter(t reflect.Type) (embedded reflect.Type, others bool) {
	if t.Kind() != reflect.Struct || !hasPromoted(t) {
		return nil, false
	}
	fields := 0
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("json") == "-" || f.Type.Size() == 0 && !f.Anonymous {
			continue
		}
		fields++
		if f.Anonymous && (isSelfMade(f.Type) || isSelfMade(reflect.PointerTo(f.Type))) {
			embedded = f.Type
		}
	}
	return embedded, embedded != nil && fields > 1
}

// promotingPointer returns the embedded pointer or interface whose methods marshal or unmarshal a
// struct, or nil.
func promotingPointer(t reflect.Type) reflect.Type {
	for {
		switch t, _ = promoter(t); {
		case t == nil:
			return nil
		case t.Kind() == reflect.Pointer, t.Kind() == reflect.Interface:
			return t
		}
	}
}

func isSelfMade(t reflect.Type) bool {
	return t.Implements(jsonMarshaler) || t.Implements(textMarshaler) || t.Implements(jsonUnmarshaler) || t.Implements(textUnmarshaler)
}

// hasPromoted reports whether a method that encoding/json calls comes from an embedded field. It
// names the methods by constants, because otherwise the linker would keep every method of every type.
func hasPromoted(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	marshal, ok := t.MethodByName("MarshalJSON")
	if !ok {
		marshal, ok = p.MethodByName("MarshalJSON")
	}
	if !ok {
		marshal, ok = t.MethodByName("MarshalText")
	}
	if !ok {
		marshal, _ = p.MethodByName("MarshalText")
	}
	unmarshal, ok := t.MethodByName("UnmarshalJSON")
	if !ok {
		unmarshal, ok = p.MethodByName("UnmarshalJSON")
	}
	if !ok {
		unmarshal, ok = t.MethodByName("UnmarshalText")
	}
	if !ok {
		unmarshal, _ = p.MethodByName("UnmarshalText")
	}
	return isPromoted(marshal) || isPromoted(unmarshal)
}

// isPromoted reports whether the compiler has made a method, to call that of an embedded field.
func isPromoted(m reflect.Method) bool {
	if !m.Func.IsValid() {
		return false
	}
	f := runtime.FuncForPC(m.Func.Pointer())
	if f == nil {
		return false
	}
	file, _ := f.FileLine(f.Entry())
	return file == "<autogenerated>"
}

// object checks a struct that encoding/json marshals by its fields.
func (c *checker) object(at place) error {
	names := map[string]string{}
	if err := c.fields(at, "", names, nil); err != nil {
		return err
	}
	if t := at.t; len(names) == 0 && (t.Implements(errorType) || reflect.PointerTo(t).Implements(errorType)) {
		return fmt.Errorf("nothing of %s would be stored; %s", t, instead(t))
	}
	return nil
}

// fields checks the fields of a struct, and those of the structs that it embeds, by the rules of
// encoding/json. It collects what their names are in the text.
func (c *checker) fields(at place, prefix string, names map[string]string, outer []reflect.Type) error {
	t := at.t
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" || f.Name == "_" {
			continue
		}
		name, _, _ := strings.Cut(tag, ",")
		if !isName(name) {
			name = ""
		}
		full := prefix + f.Name
		if f.Anonymous && name == "" {
			e, isPointer := f.Type, f.Type.Kind() == reflect.Pointer
			if isPointer {
				e = e.Elem()
			}
			if e.Kind() == reflect.Struct {
				if isPointer && !f.IsExported() {
					return fmt.Errorf("the embedded pointer %s of %s cannot be read back, because its type is not exported; embed the struct itself", full, root(outer, t))
				}
				for _, o := range append(outer, t) {
					if o == e {
						return fmt.Errorf("%s embeds itself, so fields would be lost; give the field %s a name", t, full)
					}
				}
				if err := c.fields(place{e, at.inPlace || isPointer}, full+".", names, append(outer, t)); err != nil {
					return err
				}
				continue
			}
		}
		if !f.IsExported() {
			if f.Type.Size() > 0 {
				return fmt.Errorf("the field %s of %s is not exported and would be lost; %s", full, root(outer, t), instead(t))
			}
			continue
		}
		if name == "" {
			name = f.Name
		}
		if other, ok := names[name]; ok {
			return fmt.Errorf("the fields %s and %s of %s would both be stored as %q, so one would be lost; rename one of them with a json tag", other, full, root(outer, t), name)
		}
		names[name] = full
		if err := c.check(place{f.Type, at.inPlace}); err != nil {
			return fmt.Errorf("field %s: %w", full, err)
		}
	}
	return nil
}

// root returns the struct that embeds the others.
func root(outer []reflect.Type, t reflect.Type) reflect.Type {
	if len(outer) > 0 {
		return outer[0]
	}
	return t
}

// isName reports whether encoding/json takes a name from a tag.
func isName(s string) bool {
	for _, r := range s {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return s != ""
}

// instead says what to store in place of a value of a type.
func instead(t reflect.Type) string {
	p := reflect.PointerTo(t)
	switch {
	case t.Implements(errorType), p.Implements(errorType):
		return "store err.Error()"
	case t.Kind() == reflect.Interface:
		return "use a concrete type"
	case t.Implements(stringer), p.Implements(stringer):
		return "store its String(), or a struct of the fields that you need"
	}
	return "store a struct of the fields that you need, give the type MarshalJSON and UnmarshalJSON, or leave fields out with the tag `json:\"-\"`"
}

// MaxDepth is how deep the text of a value may nest. With the segments of a path, it stays far
// below the 10,000 levels that encoding/json reads.
const MaxDepth = 1000

// ErrTooDeep is the error of a value that nests deeper than [MaxDepth].
var ErrTooDeep = errors.New("it nests deeper than 1000 levels, or contains itself")

// walkAny checks a value that an interface holds. The level counts pointers and interfaces, too: one
// level of the text takes at most three.
func walkAny(v any, level int) error {
	if level > 3*MaxDepth {
		return ErrTooDeep
	}
	switch x := v.(type) {
	case nil, string, bool, int, int64, float64:
		return nil
	case []any:
		for _, e := range x {
			if err := walkAny(e, level+1); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for _, e := range x {
			if err := walkAny(e, level+1); err != nil {
				return err
			}
		}
		return nil
	}
	return walkHeld(reflect.ValueOf(v), level)
}

// walkHeld is walkAny for values of other types.
func walkHeld(v reflect.Value, level int) error {
	if isPlain(v.Type()) {
		return nil
	}
	p := planOf(place{v.Type(), false})
	if p.err != nil || !p.walk {
		return p.err
	}
	return walk(v, level)
}

// walk checks what the interfaces in a value hold.
func walk(v reflect.Value, level int) error {
	if level > 3*MaxDepth {
		return ErrTooDeep
	}
	if k := v.Kind(); k == reflect.Invalid || k != reflect.Interface && marshalsItself(v.Type()) {
		return nil // Invalid is what a nil pointer points to
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return walkHeld(v.Elem(), level+1)
	case reflect.Pointer:
		return walk(v.Elem(), level+1)
	case reflect.Slice, reflect.Array:
		if isPlain(v.Type().Elem()) {
			return nil
		}
		for i := range v.Len() {
			if err := walk(v.Index(i), level+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		if err := keysComeBack(v); err != nil || isPlain(v.Type().Elem()) {
			return err
		}
		for it := v.MapRange(); it.Next(); {
			if err := walk(it.Value(), level+1); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if (f.IsExported() || f.Anonymous) && f.Tag.Get("json") != "-" {
				if err := walk(v.Field(i), level+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// marshalsItself reports whether encoding/json calls methods of a type. A type without a name has none,
// except for those of what it embeds.
func marshalsItself(t reflect.Type) bool {
	return (t.PkgPath() != "" || t.Kind() == reflect.Struct) && isSelfMade(reflect.PointerTo(t))
}

// isPlain reports whether values of a type hold no others.
func isPlain(t reflect.Type) bool {
	return t.Kind() <= reflect.Float64 && t.PkgPath() == "" || t == reflect.TypeFor[string]()
}

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	errorType       = reflect.TypeFor[error]()
	stringer        = reflect.TypeFor[interface{ String() string }]()
)
