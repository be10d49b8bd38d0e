package fiber

type Ctx interface{ Path() string }
