package docs

import (
	"encoding/json"
	"testing"
)

type Price struct { // release 2
	Cents int `json:"cents"`
}

func (p *Price) UnmarshalJSON(b []byte) error {
	var a struct{ Euros, Cents *int } // the fields of both versions
	if err := json.Unmarshal(b, &a); err != nil {
		return err
	}
	switch {
	case a.Cents != nil:
		p.Cents = *a.Cents
	case a.Euros != nil:
		p.Cents = *a.Euros * 100
	}
	return nil
}

func (p Price) MarshalJSON() ([]byte, error) {
	type plain Price
	return json.Marshal(plain(p))
}

func TestPriceReadsBothVersions(t *testing.T) {
	for text, want := range map[string]int{`{"euros":3}`: 300, `{"cents":299}`: 299, `{}`: 0} {
		var p Price
		if err := json.Unmarshal([]byte(text), &p); err != nil || p.Cents != want {
			t.Errorf("%s: got %d, %v, want %d cents", text, p.Cents, err, want)
		}
	}
	if b, err := json.Marshal(Price{299}); err != nil || string(b) != `{"cents":299}` {
		t.Errorf("got %s, %v", b, err)
	}
}
