package sessionpage

import (
	"fmt"
	"math"
	"strconv"
)

// Colors are the colors of one color scheme, in the form "#1d2125". Text needs a contrast of
// 4.5 to what is behind it, and the edge of a control one of 3 (WCAG 2.2, success criteria
// 1.4.3 and 1.4.11).
type Colors struct {
	_ [0]func() // keyed literals only

	Background string // of the page
	Surface    string // of what stands on it, such as the sessions in a list
	Text       string // on Background and Surface
	Muted      string // text of less importance, on Background and Surface
	Line       string // decorative lines; they need no contrast
	Edge       string // the edges of buttons and fields, on Background and Surface
	Accent     string // links, the current session, bars, and the focus; on Background and Surface
	OnAccent   string // text on Accent
	Danger     string // what ends sessions; on Background and Surface
}

var (
	lightColors = Colors{
		Background: "#f7f7f5", Surface: "#ffffff", Text: "#1c1f23", Muted: "#5a626b", Line: "#e2e3e0",
		Edge: "#80868d", Accent: "#1f5fa8", OnAccent: "#ffffff", Danger: "#a4262c",
	}
	darkColors = Colors{
		Background: "#131518", Surface: "#1b1e22", Text: "#e8e9ea", Muted: "#a7aeb6", Line: "#2d3238",
		Edge: "#77808a", Accent: "#8ab8f0", OnAccent: "#0a1c30", Danger: "#ff9d96",
	}
)

// A swatch is one color with its field and its name in the style sheet.
type swatch struct {
	field, property string
	value           *string
}

func (c *Colors) swatches() []swatch {
	return []swatch{
		{"Background", "ground", &c.Background},
		{"Surface", "surface", &c.Surface},
		{"Text", "text", &c.Text},
		{"Muted", "muted", &c.Muted},
		{"Line", "line", &c.Line},
		{"Edge", "edge", &c.Edge},
		{"Accent", "accent", &c.Accent},
		{"OnAccent", "on-accent", &c.OnAccent},
		{"Danger", "danger", &c.Danger},
	}
}

// or returns the colors with those of d in place of empty ones.
func (c Colors) or(d Colors) Colors {
	defaults := d.swatches()
	for i, s := range c.swatches() {
		if *s.value == "" {
			*s.value = *defaults[i].value
		}
	}
	return c
}

// problems lists the values that are no colors, and the pairs with too little contrast.
func (c Colors) problems() (list []string) {
	light := map[string]float64{}
	for _, s := range c.swatches() {
		l, err := luminance(*s.value)
		if err != nil {
			list = append(list, fmt.Sprintf("%s is %q, want a color of the form \"#1d2125\"", s.field, *s.value))
			continue
		}
		light[s.field] = l
	}
	if len(list) > 0 {
		return list
	}
	for _, p := range []struct {
		front, back string
		least       float64
	}{
		{"Text", "Background", 4.5},
		{"Text", "Surface", 4.5},
		{"Muted", "Background", 4.5},
		{"Muted", "Surface", 4.5},
		{"Accent", "Background", 4.5},
		{"Accent", "Surface", 4.5},
		{"OnAccent", "Accent", 4.5},
		{"Danger", "Background", 4.5},
		{"Danger", "Surface", 4.5},
		{"Edge", "Background", 3},
		{"Edge", "Surface", 3},
	} {
		if got := contrast(light[p.front], light[p.back]); got < p.least {
			list = append(list, fmt.Sprintf("%s on %s has a contrast of %.2f, want %.1f or more (WCAG 2.2 AA)", p.front, p.back, got, p.least))
		}
	}
	return list
}

// contrast is the ratio of two luminances, as WCAG 2.2 defines it.
func contrast(a, b float64) float64 { return (max(a, b) + .05) / (min(a, b) + .05) }

// luminance returns the relative luminance of a color, as WCAG 2.2 defines it.
func luminance(color string) (float64, error) {
	if len(color) != 7 || color[0] != '#' {
		return 0, strconv.ErrSyntax
	}
	v, err := strconv.ParseUint(color[1:], 16, 32)
	if err != nil {
		return 0, err
	}
	linear := func(c uint64) float64 {
		f := float64(c&0xff) / 255
		if f <= .04045 {
			return f / 12.92
		}
		return math.Pow((f+.055)/1.055, 2.4)
	}
	return .2126*linear(v>>16) + .7152*linear(v>>8) + .0722*linear(v), nil
}
