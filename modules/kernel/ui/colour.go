package ui

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

var hexColour = regexp.MustCompile(`^[0-9a-f]{6}$`)

const defaultColour = "1f4fd8"

// TenantCSSURL is the address of the stylesheet that sets the accent colour; colour is "#rrggbb". The colour is part
// of the address, so that the answer can be cached for ever and needs no inline style.
func TenantCSSURL(colour string) string {
	c := strings.ToLower(strings.TrimPrefix(colour, "#"))
	if !hexColour.MatchString(c) {
		c = defaultColour
	}
	return "/assets/tenant.css?c=" + c
}

func serveTenantCSS(w http.ResponseWriter, r *http.Request) {
	c := r.URL.Query().Get("c")
	if !hexColour.MatchString(c) {
		http.NotFound(w, r)
		return
	}
	serveAsset(w, r, asset{kind: "text/css; charset=utf-8", raw: []byte(TenantCSS(c))})
}

// TenantCSS derives every accent of the page from one colour ("rrggbb") so that text stays readable whatever a
// municipality chose: at least 4.5:1 (WCAG 2.2, 1.4.3) for words in it and on it, light and dark.
func TenantCSS(c string) string {
	base := parseColour(c)
	var b strings.Builder
	white, dark := rgb{1, 1, 1}, parseColour("14171c")
	write := func(fill, ink, soft, line, on rgb) {
		fmt.Fprintf(&b, "--accent:%s;--accent-ink:%s;--accent-soft:%s;--accent-line:%s;--on-accent:%s", fill, ink, soft, line, on)
	}
	soft := base.mix(white, .92)
	b.WriteString(":root{")
	write(base.until(white, 5.2, rgb{}), base.until(soft, 5.2, rgb{}), soft, base.mix(white, .72), white)
	fmt.Fprintf(&b, ";--hero:%s;--on-hero:%s", base.until(white, 5.2, rgb{}), white)
	b.WriteString("}@media (prefers-color-scheme:dark){:root{")
	softDark := base.mix(dark, .82)
	fill := base.until(dark, 6, white)
	write(fill, base.until(softDark, 6, white), softDark, base.mix(dark, .55), rgb{.04, .05, .07})
	b.WriteString("}}\n")
	return b.String()
}

type rgb [3]float64

func parseColour(c string) rgb {
	var out rgb
	for i := range out {
		n, _ := strconv.ParseUint(c[2*i:2*i+2], 16, 8)
		out[i] = float64(n) / 255
	}
	return out
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(c[0]*255+.5), int(c[1]*255+.5), int(c[2]*255+.5))
}

func (c rgb) mix(o rgb, share float64) rgb {
	for i := range c {
		c[i] += (o[i] - c[i]) * share
	}
	return c
}

// luminance is WCAG 2.2's relative luminance.
func (c rgb) luminance() float64 {
	lin := func(v float64) float64 {
		if v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*lin(c[0]) + .7152*lin(c[1]) + .0722*lin(c[2])
}

func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + .05) / (min(x, y) + .05)
}

// until moves c towards the given end until it stands out from ground.
func (c rgb) until(ground rgb, ratio float64, end rgb) rgb {
	for share := 0.0; share < 1; share += .02 {
		if m := c.mix(end, share); contrast(m, ground) >= ratio {
			return m
		}
	}
	return end
}
