package sessionconfig

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/expanse-go/session"
)

// A foreign store is one that With hands in.
type foreign struct {
	specs  []spec
	fields map[string]string // key below the table → path of the field
	open   func(context.Context, *settings) (session.Store, error)
}

// storeName is what a table and a variable can both spell.
var storeName = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)

// With makes a store of another module available under a name:
//
//	sessionconfig.With("redis", redisstore.Open)
//
// With store = "redis", open gets what [stores.redis] and the variables
// SESSION_STORES__REDIS__… say. C is a struct; the key of a field is its name in
// snake case (MaxConns is max_conns), or what a tag `toml:"…"` says. Fields may be
// strings, booleans, int and int64, durations ("5s"), lists of strings, and structs of
// these, which are tables. Other fields cannot be configured and stay zero; so does
// every field that nobody sets. A field called password, secret, token, url, uri or
// dsn, or with such a last word, or with the tag `secret:"true"`, is never printed,
// and can be given as a file by a variable that ends in _FILE.
//
// If open returns [*session.ConfigError] values, alone or joined, whose Field is
// the name of a field, the report shows them with file and line. The manager's
// Close closes the store, if it has the method Close() error.
//
// A function instead of a registry: the program's main function shows which stores
// it is built with, and an import for its side effects cannot get lost.
func With[C any, S session.Store](name string, open func(context.Context, C) (S, error)) Option {
	return func(l *loader) {
		if !storeName.MatchString(name) || slices.Contains(builtin, name) {
			l.add(&Error{Key: "store", Value: fmt.Sprintf("%q", name), Reason: "cannot be the name of a store in sessionconfig.With",
				Hint: "use lower-case words joined by a hyphen, other than " + strings.Join(builtin, ", ")})
			return
		}
		if t := reflect.TypeFor[C](); t.Kind() != reflect.Struct {
			l.add(&Error{Key: "store", Value: fmt.Sprintf("%q", name), Reason: fmt.Sprintf("takes a %s for its configuration", t),
				Hint: "give sessionconfig.With a function that takes a struct"})
			return
		}
		f := foreign{fields: map[string]string{}}
		f.describe(reflect.TypeFor[C](), "stores."+name+".", "")
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

// describe turns the fields of a struct into specs.
func (f *foreign) describe(t reflect.Type, prefix, path string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = snake(field.Name)
		}
		key, fieldPath := prefix+name, path+field.Name
		k, ok := kindOf(field.Type)
		switch {
		case ok:
			f.fields[key] = fieldPath
			f.specs = append(f.specs, spec{key: key, kind: k, secret: field.Tag.Get("secret") == "true" || soundsSecret(name)})
		case field.Type.Kind() == reflect.Struct:
			f.describe(field.Type, key+".", fieldPath+".")
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

func soundsSecret(name string) bool {
	last := name[strings.LastIndex(name, "_")+1:]
	return slices.Contains([]string{"password", "passwd", "secret", "token", "url", "uri", "dsn"}, last)
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
