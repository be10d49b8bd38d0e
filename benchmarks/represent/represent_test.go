package represent

import (
	"io"
	"testing"
	"time"
)

// Every representation returns the values that it was created with, and values set later.
func TestRoundTrip(t *testing.T) {
	for _, s := range samples() {
		for _, c := range codecs {
			t.Run(s.name+"/"+c.name, func(t *testing.T) {
				stored, err := c.make(s.pairs)
				if err != nil {
					t.Fatal(err)
				}
				d, err := c.open(stored)
				if err != nil {
					t.Fatal(err)
				}
				if err := d.setNumber("visits", 1234); err != nil {
					t.Fatal(err)
				}
				if stored, err = d.encode(); err != nil {
					t.Fatal(err)
				}
				if d, err = c.open(stored); err != nil {
					t.Fatal(err)
				}
				for _, p := range s.pairs {
					switch want := p.value.(type) {
					case string:
						if got, err := d.text(p.key); got != want || err != nil {
							t.Errorf("%s: got %.20q, %v, want %.20q", p.key, got, err, want)
						}
					case int:
						if p.key == "visits" {
							want = 1234
						}
						if got, err := d.number(p.key); got != want || err != nil {
							t.Errorf("%s: got %d, %v, want %d", p.key, got, err, want)
						}
					}
				}
				if got, err := d.text("absent"); err == nil {
					t.Errorf("an absent key is %q", got)
				}
			})
		}
	}
}

func TestMeasure(t *testing.T) {
	all, err := Measure(2, time.Microsecond, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(samples()) * len(codecs); len(all) != want {
		t.Errorf("got %d results, want %d", len(all), want)
	}
	for _, r := range all {
		if r.Bytes == 0 || len(r.ReadOne.Ratios) != 2 || r.ReadTen.Nanos <= 0 || r.Write.Nanos <= 0 {
			t.Errorf("got %+v", r)
		}
	}
}
