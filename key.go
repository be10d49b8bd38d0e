package session

// A Key is a path together with the type of the value there:
//
//	var cart = session.NewKey[Cart]("shop.cart")
//
//	c := cart.Get(s, Cart{})
//	cart.Update(s, func(c Cart) Cart { c.Items = append(c.Items, item); return c })
//
// [Session.Set] describes which types T may be. The only interface type that T may be is any,
// because values of other interface types cannot be read back.
type Key[T any] struct {
	path string
}

// NewKey returns the key of a path. Keys are usually package variables.
func NewKey[T any](path string) Key[T] { return Key[T]{path} }

// String returns the path.
func (k Key[T]) String() string { return k.path }

// Get calls [Get] with the key's path.
func (k Key[T]) Get(s *Session, def T) T { return Get(s, k.path, def) }

// Lookup calls [Lookup] with the key's path.
func (k Key[T]) Lookup(s *Session) (T, bool) { return Lookup[T](s, k.path) }

// Has calls [Session.Has] with the key's path.
func (k Key[T]) Has(s *Session) bool { return s.Has(k.path) }

// Set calls [Session.Set] with the key's path.
func (k Key[T]) Set(s *Session, v T) { s.Set(k.path, v) }

// Flash calls [Session.Flash] with the key's path.
func (k Key[T]) Flash(s *Session, v T) { s.Flash(k.path, v) }

// Pop calls [Pop] with the key's path.
func (k Key[T]) Pop(s *Session, def T) T { return Pop(s, k.path, def) }

// PopOnce calls [PopOnce] with the key's path.
func (k Key[T]) PopOnce(s *Session, def T) T { return PopOnce(s, k.path, def) }

// Update calls [Update] with the key's path.
func (k Key[T]) Update(s *Session, f func(T) T) T { return Update(s, k.path, f) }

// Remove calls [Session.Remove] with the key's path.
func (k Key[T]) Remove(s *Session) { s.Remove(k.path) }
