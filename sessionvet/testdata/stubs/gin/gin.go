package gin

type Context struct{}
