package session

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// writer returns a writer that offers what the writer below offers, so that a type
// assertion of a handler gets a correct answer.
func (x *exchange) writer() http.ResponseWriter {
	x.below = offers(&x.m.below, x.w)
	return writers[x.below&^(tells|unwraps)](responseWriter{x})
}

// A value cannot be given methods at run time, so there is a type for each combination. It
// is named after what it offers, embeds the type of all but the last of that, and adds the
// last. All are a single pointer, which an interface holds without an allocation.
type (
	writerF      struct{ responseWriter }
	writerH      struct{ responseWriter }
	writerFH     struct{ writerF }
	writerP      struct{ responseWriter }
	writerFP     struct{ writerF }
	writerHP     struct{ writerH }
	writerFHP    struct{ writerFH }
	writerN      struct{ responseWriter }
	writerFN     struct{ writerF }
	writerHN     struct{ writerH }
	writerFHN    struct{ writerFH }
	writerPN     struct{ writerP }
	writerFPN    struct{ writerFP }
	writerHPN    struct{ writerHP }
	writerFHPN   struct{ writerFHP }
	writerR      struct{ responseWriter }
	writerFR     struct{ writerF }
	writerHR     struct{ writerH }
	writerFHR    struct{ writerFH }
	writerPR     struct{ writerP }
	writerFPR    struct{ writerFP }
	writerHPR    struct{ writerHP }
	writerFHPR   struct{ writerFHP }
	writerNR     struct{ writerN }
	writerFNR    struct{ writerFN }
	writerHNR    struct{ writerHN }
	writerFHNR   struct{ writerFHN }
	writerPNR    struct{ writerPN }
	writerFPNR   struct{ writerFPN }
	writerHPNR   struct{ writerHPN }
	writerFHPNR  struct{ writerFHPN }
	writerS      struct{ responseWriter }
	writerFS     struct{ writerF }
	writerHS     struct{ writerH }
	writerFHS    struct{ writerFH }
	writerPS     struct{ writerP }
	writerFPS    struct{ writerFP }
	writerHPS    struct{ writerHP }
	writerFHPS   struct{ writerFHP }
	writerNS     struct{ writerN }
	writerFNS    struct{ writerFN }
	writerHNS    struct{ writerHN }
	writerFHNS   struct{ writerFHN }
	writerPNS    struct{ writerPN }
	writerFPNS   struct{ writerFPN }
	writerHPNS   struct{ writerHPN }
	writerFHPNS  struct{ writerFHPN }
	writerRS     struct{ writerR }
	writerFRS    struct{ writerFR }
	writerHRS    struct{ writerHR }
	writerFHRS   struct{ writerFHR }
	writerPRS    struct{ writerPR }
	writerFPRS   struct{ writerFPR }
	writerHPRS   struct{ writerHPR }
	writerFHPRS  struct{ writerFHPR }
	writerNRS    struct{ writerNR }
	writerFNRS   struct{ writerFNR }
	writerHNRS   struct{ writerHNR }
	writerFHNRS  struct{ writerFHNR }
	writerPNRS   struct{ writerPNR }
	writerFPNRS  struct{ writerFPNR }
	writerHPNRS  struct{ writerHPNR }
	writerFHPNRS struct{ writerFHPNR }
)

func (w writerF) Flush()            { w.flush() }
func (w writerF) FlushError() error { return w.flush() }

func (w writerH) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return w.hijack() }
func (w writerFH) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w writerP) Push(target string, opts *http.PushOptions) error   { return w.push(target, opts) }
func (w writerFP) Push(target string, opts *http.PushOptions) error  { return w.push(target, opts) }
func (w writerHP) Push(target string, opts *http.PushOptions) error  { return w.push(target, opts) }
func (w writerFHP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w writerN) CloseNotify() <-chan bool    { return w.closeNotify() }
func (w writerFN) CloseNotify() <-chan bool   { return w.closeNotify() }
func (w writerHN) CloseNotify() <-chan bool   { return w.closeNotify() }
func (w writerFHN) CloseNotify() <-chan bool  { return w.closeNotify() }
func (w writerPN) CloseNotify() <-chan bool   { return w.closeNotify() }
func (w writerFPN) CloseNotify() <-chan bool  { return w.closeNotify() }
func (w writerHPN) CloseNotify() <-chan bool  { return w.closeNotify() }
func (w writerFHPN) CloseNotify() <-chan bool { return w.closeNotify() }

func (w writerR) ReadFrom(r io.Reader) (int64, error)     { return w.readFrom(r) }
func (w writerFR) ReadFrom(r io.Reader) (int64, error)    { return w.readFrom(r) }
func (w writerHR) ReadFrom(r io.Reader) (int64, error)    { return w.readFrom(r) }
func (w writerFHR) ReadFrom(r io.Reader) (int64, error)   { return w.readFrom(r) }
func (w writerPR) ReadFrom(r io.Reader) (int64, error)    { return w.readFrom(r) }
func (w writerFPR) ReadFrom(r io.Reader) (int64, error)   { return w.readFrom(r) }
func (w writerHPR) ReadFrom(r io.Reader) (int64, error)   { return w.readFrom(r) }
func (w writerFHPR) ReadFrom(r io.Reader) (int64, error)  { return w.readFrom(r) }
func (w writerNR) ReadFrom(r io.Reader) (int64, error)    { return w.readFrom(r) }
func (w writerFNR) ReadFrom(r io.Reader) (int64, error)   { return w.readFrom(r) }
func (w writerHNR) ReadFrom(r io.Reader) (int64, error)   { return w.readFrom(r) }
func (w writerFHNR) ReadFrom(r io.Reader) (int64, error)  { return w.readFrom(r) }
func (w writerPNR) ReadFrom(r io.Reader) (int64, error)   { return w.readFrom(r) }
func (w writerFPNR) ReadFrom(r io.Reader) (int64, error)  { return w.readFrom(r) }
func (w writerHPNR) ReadFrom(r io.Reader) (int64, error)  { return w.readFrom(r) }
func (w writerFHPNR) ReadFrom(r io.Reader) (int64, error) { return w.readFrom(r) }

func (w writerS) WriteString(s string) (int, error)      { return w.writeString(s) }
func (w writerFS) WriteString(s string) (int, error)     { return w.writeString(s) }
func (w writerHS) WriteString(s string) (int, error)     { return w.writeString(s) }
func (w writerFHS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerPS) WriteString(s string) (int, error)     { return w.writeString(s) }
func (w writerFPS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerHPS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerFHPS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerNS) WriteString(s string) (int, error)     { return w.writeString(s) }
func (w writerFNS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerHNS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerFHNS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerPNS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerFPNS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerHPNS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerFHPNS) WriteString(s string) (int, error)  { return w.writeString(s) }
func (w writerRS) WriteString(s string) (int, error)     { return w.writeString(s) }
func (w writerFRS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerHRS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerFHRS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerPRS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerFPRS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerHPRS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerFHPRS) WriteString(s string) (int, error)  { return w.writeString(s) }
func (w writerNRS) WriteString(s string) (int, error)    { return w.writeString(s) }
func (w writerFNRS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerHNRS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerFHNRS) WriteString(s string) (int, error)  { return w.writeString(s) }
func (w writerPNRS) WriteString(s string) (int, error)   { return w.writeString(s) }
func (w writerFPNRS) WriteString(s string) (int, error)  { return w.writeString(s) }
func (w writerHPNRS) WriteString(s string) (int, error)  { return w.writeString(s) }
func (w writerFHPNRS) WriteString(s string) (int, error) { return w.writeString(s) }

// writers makes each of them; the index is what it offers.
var writers = [...]func(w responseWriter) http.ResponseWriter{
	func(w responseWriter) http.ResponseWriter { return w },
	func(w responseWriter) http.ResponseWriter { return writerF{w} },
	func(w responseWriter) http.ResponseWriter { return writerH{w} },
	func(w responseWriter) http.ResponseWriter { return writerFH{writerF{w}} },
	func(w responseWriter) http.ResponseWriter { return writerP{w} },
	func(w responseWriter) http.ResponseWriter { return writerFP{writerF{w}} },
	func(w responseWriter) http.ResponseWriter { return writerHP{writerH{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFHP{writerFH{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerN{w} },
	func(w responseWriter) http.ResponseWriter { return writerFN{writerF{w}} },
	func(w responseWriter) http.ResponseWriter { return writerHN{writerH{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFHN{writerFH{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerPN{writerP{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFPN{writerFP{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerHPN{writerHP{writerH{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFHPN{writerFHP{writerFH{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerR{w} },
	func(w responseWriter) http.ResponseWriter { return writerFR{writerF{w}} },
	func(w responseWriter) http.ResponseWriter { return writerHR{writerH{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFHR{writerFH{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerPR{writerP{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFPR{writerFP{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerHPR{writerHP{writerH{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFHPR{writerFHP{writerFH{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerNR{writerN{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFNR{writerFN{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerHNR{writerHN{writerH{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFHNR{writerFHN{writerFH{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerPNR{writerPN{writerP{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFPNR{writerFPN{writerFP{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerHPNR{writerHPN{writerHP{writerH{w}}}} },
	func(w responseWriter) http.ResponseWriter {
		return writerFHPNR{writerFHPN{writerFHP{writerFH{writerF{w}}}}}
	},
	func(w responseWriter) http.ResponseWriter { return writerS{w} },
	func(w responseWriter) http.ResponseWriter { return writerFS{writerF{w}} },
	func(w responseWriter) http.ResponseWriter { return writerHS{writerH{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFHS{writerFH{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerPS{writerP{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFPS{writerFP{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerHPS{writerHP{writerH{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFHPS{writerFHP{writerFH{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerNS{writerN{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFNS{writerFN{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerHNS{writerHN{writerH{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFHNS{writerFHN{writerFH{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerPNS{writerPN{writerP{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFPNS{writerFPN{writerFP{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerHPNS{writerHPN{writerHP{writerH{w}}}} },
	func(w responseWriter) http.ResponseWriter {
		return writerFHPNS{writerFHPN{writerFHP{writerFH{writerF{w}}}}}
	},
	func(w responseWriter) http.ResponseWriter { return writerRS{writerR{w}} },
	func(w responseWriter) http.ResponseWriter { return writerFRS{writerFR{writerF{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerHRS{writerHR{writerH{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFHRS{writerFHR{writerFH{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerPRS{writerPR{writerP{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFPRS{writerFPR{writerFP{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerHPRS{writerHPR{writerHP{writerH{w}}}} },
	func(w responseWriter) http.ResponseWriter {
		return writerFHPRS{writerFHPR{writerFHP{writerFH{writerF{w}}}}}
	},
	func(w responseWriter) http.ResponseWriter { return writerNRS{writerNR{writerN{w}}} },
	func(w responseWriter) http.ResponseWriter { return writerFNRS{writerFNR{writerFN{writerF{w}}}} },
	func(w responseWriter) http.ResponseWriter { return writerHNRS{writerHNR{writerHN{writerH{w}}}} },
	func(w responseWriter) http.ResponseWriter {
		return writerFHNRS{writerFHNR{writerFHN{writerFH{writerF{w}}}}}
	},
	func(w responseWriter) http.ResponseWriter { return writerPNRS{writerPNR{writerPN{writerP{w}}}} },
	func(w responseWriter) http.ResponseWriter {
		return writerFPNRS{writerFPNR{writerFPN{writerFP{writerF{w}}}}}
	},
	func(w responseWriter) http.ResponseWriter {
		return writerHPNRS{writerHPNR{writerHPN{writerHP{writerH{w}}}}}
	},
	func(w responseWriter) http.ResponseWriter {
		return writerFHPNRS{writerFHPNR{writerFHPN{writerFHP{writerFH{writerF{w}}}}}}
	},
}
