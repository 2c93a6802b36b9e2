package seats

import (
	"slices"
	"strings"
	"testing"

	"townhall/modules/kernel"
)

const coach = `
code: coach-11
name: {en: Small coach, ru: Малый автобус, zh: 小客车}
rows:
  - "1A 1B | . ."
  - "2A 2B | 2C 2D"
  - "W1 . | 3C 3D"
  - "4A 4B 4E 4C 4D"
wheelchairs: [W1]
bicycles: 2
`

func small(t testing.TB) Layout {
	t.Helper()
	f, err := Read([]byte(coach))
	if err != nil {
		t.Fatal(err)
	}
	l, err := f.Layout()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestALayoutIsReadFromWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	l := small(t)
	if l.Count(Seat) != 13 || l.Count(Wheelchair) != 1 || l.Count(Bicycle) != 2 || l.Columns != 5 {
		t.Errorf("%d seats, %d wheelchairs, %d bicycles, %d columns", l.Count(Seat), l.Count(Wheelchair), l.Count(Bicycle), l.Columns)
	}
	if p, ok := l.Place("2C"); !ok || p != (Place{"2C", Seat, 1, 3}) {
		t.Errorf("2C is %+v, %v", p, ok)
	}
	if p, _ := l.Place("W1"); p.Kind != Wheelchair {
		t.Errorf("W1 is %+v", p)
	}
	again, err := Read(l.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Layout(); err != nil || !slices.Equal(got.Places, l.Places) {
		t.Errorf("as JSON it is another layout: %v %v", got.Places, err)
	}
}

func TestEveryMistakeInALayoutIsNamedWithItsField(t *testing.T) {
	t.Parallel()
	good := small(t).Form
	change := func(fn func(*Form)) Form {
		f := good
		f.Rows, f.Wheelchairs = slices.Clone(good.Rows), slices.Clone(good.Wheelchairs)
		f.Name = kernel.Text{"en": "a", "ru": "b", "zh": "c"}
		fn(&f)
		return f
	}
	for name, c := range map[string]struct {
		form Form
		want string
	}{
		"a code with spaces":         {change(func(f *Form) { f.Code = "Big coach" }), "code travel.layout.code"},
		"a name in two languages":    {change(func(f *Form) { delete(f.Name, "zh") }), "name.zh travel.layout.name"},
		"no rows":                    {change(func(f *Form) { f.Rows, f.Wheelchairs = nil, nil }), "rows travel.layout.rows"},
		"a number twice":             {change(func(f *Form) { f.Rows[1] = "1A 2B" }), "rows[1] travel.layout.twice"},
		"a number with a sign":       {change(func(f *Form) { f.Rows[1] = "2-A 2B" }), "rows[1] travel.layout.number"},
		"a long number":              {change(func(f *Form) { f.Rows[1] = "1234567" }), "rows[1] travel.layout.number"},
		"a row too wide":             {change(func(f *Form) { f.Rows[1] = strings.Repeat(". ", 41) }), "rows[1] travel.layout.columns"},
		"a wheelchair nowhere":       {change(func(f *Form) { f.Wheelchairs = []string{"W9"} }), "wheelchairs[0] travel.layout.no-such-place"},
		"a wheelchair twice":         {change(func(f *Form) { f.Wheelchairs = []string{"W1", "W1"} }), "wheelchairs[1] travel.layout.twice"},
		"bicycles below nothing":     {change(func(f *Form) { f.Bicycles = -1 }), "bicycles travel.layout.bicycles"},
		"a seat called as a bicycle": {change(func(f *Form) { f.Rows[0] = "B1" }), "bicycles travel.layout.bicycle-number"},
		"nothing but an aisle":       {change(func(f *Form) { f.Rows, f.Wheelchairs = []string{"| ."}, nil }), "rows travel.layout.no-seat"},
	} {
		_, err := c.form.Layout()
		if kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := ""
		for _, f := range kernel.AsError(err).Fields {
			got += f.Path + " " + f.Slug + " "
		}
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for name, text := range map[string]string{"an unknown key": "code: a\nseats: 4", "two layouts": coach + "\n---\ncode: b", "not YAML": "{", "a list": "[]"} {
		if _, err := Read([]byte(text)); kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
