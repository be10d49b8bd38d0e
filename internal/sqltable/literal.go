package sqltable

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
)

// literals are the formats, with one %s, of values as they are written into a statement:
// both take the bytes in hexadecimal, which need no quoting and so cannot be misread.
type literals struct{ bytes, text string }

var (
	postgresParameter = regexp.MustCompile(`\$\d+`)
	postgresLiterals  = literals{"decode('%s', 'hex')", "convert_from(decode('%s', 'hex'), 'UTF8')"}

	mysqlParameter = regexp.MustCompile(`\?`)
	mysqlLiterals  = literals{"x'%s'", "_utf8mb4 x'%s'"}
)

// Inline returns the text of a statement with its arguments in it, so that it can be
// sent without being prepared. Our statements have their parameters in order, and use
// each once. An argument that is missing is NULL.
func (d *Dialect) Inline(text string, args []any) string {
	next := 0
	return d.parameter.ReplaceAllStringFunc(text, func(string) string {
		var arg any
		if next < len(args) {
			arg = args[next]
		}
		next++
		switch v := arg.(type) {
		case nil:
			return "NULL"
		case int:
			return strconv.Itoa(v)
		case int64:
			return "(" + strconv.FormatInt(v, 10) + ")" // a cast would come before the sign
		case []byte:
			return fmt.Sprintf(d.literals.bytes, hex.EncodeToString(v))
		default:
			return fmt.Sprintf(d.literals.text, hex.EncodeToString(fmt.Append(nil, v)))
		}
	})
}
