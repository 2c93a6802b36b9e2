package catalogue

import (
	"fmt"
	"regexp"
)

// glyphs are the icons' drawings on a 96 × 96 field, by category: white on the municipality's colour.
var glyphs = map[string]string{
	"certificates": `<path d="M30 18h26l14 14v32a4 4 0 0 1-4 4H30a4 4 0 0 1-4-4V22a4 4 0 0 1 4-4Z"/><path d="M56 18v14h14M36 42h24M36 52h24"/><circle cx="48" cy="68" r="8"/><path d="m43 75-3 9 8-4 8 4-3-9"/>`,
	"registration": `<path d="M28 20h40v56H28Z"/><path d="M40 16h16v8H40ZM37 38h22M37 49h22M37 60h12"/>`,
	"permits":      `<path d="M24 30h48v36H24Z"/><path d="M33 42h18M33 52h12"/><circle cx="61" cy="50" r="6"/>`,
	"appointments": `<path d="M24 26h48v44H24ZM24 40h48M36 20v12M60 20v12"/><path d="m40 54 6 6 11-11"/>`,
	"health":       `<path d="M48 74S22 58 22 40a13 13 0 0 1 26-3 13 13 0 0 1 26 3c0 18-26 34-26 34Z"/><path d="M48 44v14M41 51h14"/>`,
	"travel":       `<path d="M28 22h40a4 4 0 0 1 4 4v38H24V26a4 4 0 0 1 4-4ZM24 46h48"/><circle cx="36" cy="68" r="6"/><circle cx="60" cy="68" r="6"/>`,
	"animals":      `<circle cx="34" cy="40" r="6"/><circle cx="48" cy="32" r="6"/><circle cx="62" cy="40" r="6"/><path d="M48 46c10 0 18 12 18 19 0 8-10 6-18 6s-18 2-18-6c0-7 8-19 18-19Z"/>`,
}

// otherGlyph is a town hall, for every category that has no drawing of its own.
const otherGlyph = `<path d="M20 40 48 22l28 18ZM26 40v28M40 40v28M56 40v28M70 40v28M20 70h56"/>`

var hexColour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func iconOf(category, colour string) []byte {
	if !hexColour.MatchString(colour) {
		colour = "#1d4f91"
	}
	glyph, ok := glyphs[category]
	if !ok {
		glyph = otherGlyph
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96"><rect width="96" height="96" rx="21" fill="%s"/>`+
		`<g fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round">%s</g></svg>`+"\n", colour, glyph)
}
