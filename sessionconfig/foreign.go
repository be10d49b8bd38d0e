package sessionconfig

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/expanse-go/session"
)

// A foreign store is one registered with With.
type foreign struct {
	specs  []spec
	fields map[string]string // key below the table → path of the field
	open   func(context.Context, *settings) (session.Store, error)
}

// storeName matches names that work both as a table and in a variable.
var storeName = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)

// With makes a store from another module available under a name:
//
//	sessionconfig.With("mystore", mystore.Open)
//
// If store is set to that name, open is called with the values of the table
// [stores.mystore] and of the variables SESSION_STORES__MYSTORE__…. C must be a struct. The
// key of a field is its name in snake case (MaxConns becomes max_conns), or the name in
// its tag `toml:"…"`. A field may be a string, a bool, an int or int64, a [time.Duration]
// ("5s"), a slice of strings, or a struct of these, which becomes a table. Other fields
// cannot be configured. A field that is not set keeps its zero value.
//
// A field is secret if its key contains pass, pwd, secret, token, key, auth, cred, private,
// bearer or dsn, or ends in url or uri. The tag `secret:"true"` or `secret:"false"` decides
// otherwise. Secret fields are never printed, unless they are a bool or a duration, and can
// be read from a file that a variable with the suffix _FILE names.
//
// If open returns one or more [*session.ConfigError] values whose Field names a field
// of C, they are reported with file and line. The manager's Close also closes the store
// if it has a Close() error method.
//
// With is an option rather than a global registry, so that main shows which stores the
// program contains and no store depends on an import for its side effects.
func With[C any, S session.Store](name string, open func(context.Context, C) (S, error)) Option {
	return func(l *loader) {
		if !storeName.MatchString(name) || slices.Contains(builtin, name) {
			l.add(&Error{Key: "store", Value: fmt.Sprintf("%q", name), Reason: "is not a valid store name for sessionconfig.With",
				Hint: "use lower-case words joined by hyphens or underscores; reserved: " + strings.Join(builtin, ", ")})
			return
		}
		if t := reflect.TypeFor[C](); t.Kind() != reflect.Struct {
			l.add(&Error{Key: "store", Value: fmt.Sprintf("%q", name), Reason: fmt.Sprintf("takes its configuration as %s, which is not a struct", t),
				Hint: "pass sessionconfig.With a function that takes a struct"})
			return
		}
		f := foreign{fields: map[string]string{}}
		f.describe(reflect.TypeFor[C](), "stores."+name+".", "", "")
		f.open = func(ctx context.Context, s *settings) (session.Store, error) {
			var cfg C
			for key, path := range f.fields {
				if v, ok := s.values[key]; ok {
					assign(reflect.ValueOf(&cfg).Elem(), path, v)
				}
			}
			store, err := open(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return store, nil
		}
		l.foreign[name] = f
	}
}

// describe turns the fields of a struct into specs. table is the key of the struct below that
// of the store.
func (f *foreign) describe(t reflect.Type, store, table, path string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = snake(field.Name)
		}
		name, fieldPath := table+name, path+field.Name
		k, ok := kindOf(field.Type)
		switch {
		case ok:
			secret, err := strconv.ParseBool(field.Tag.Get("secret"))
			if err != nil {
				secret = soundsSecret(name)
			}
			f.fields[store+name] = fieldPath
			f.specs = append(f.specs, spec{key: store + name, kind: k, secret: secret})
		case field.Type.Kind() == reflect.Struct:
			f.describe(field.Type, store, name+".", fieldPath+".")
		}
	}
}

func kindOf(t reflect.Type) (kind, bool) {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return kindSpan, true
	case t.Kind() == reflect.String:
		return kindText, true
	case t.Kind() == reflect.Bool:
		return kindBool, true
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return kindNumber, true
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return kindList, true
	}
	return 0, false
}

func assign(v reflect.Value, path string, value any) {
	for name := range strings.SplitSeq(path, ".") {
		v = v.FieldByName(name)
	}
	if list, ok := value.([]string); ok {
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, text := range list {
			v.Index(i).SetString(text)
		}
		return
	}
	v.Set(reflect.ValueOf(value).Convert(v.Type()))
}

// snake turns MaxConns into max_conns, TLSServer into tls_server and URL into url.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 {
			endsAcronym := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) || endsAcronym {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
