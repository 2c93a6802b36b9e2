package host

import "html/template"

// icons are line drawings on a 24 × 24 grid, decorative: a text always stands beside them.
var icons = map[string]string{
	"home":         `<path d="M4 11.5 12 5l8 6.5V19a1.5 1.5 0 0 1-1.5 1.5H15v-5.5H9v5.5H5.5A1.5 1.5 0 0 1 4 19z"/>`,
	"inbox":        `<path d="M4 6.5A1.5 1.5 0 0 1 5.5 5h13A1.5 1.5 0 0 1 20 6.5v11a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 17.5z"/><path d="m4.5 7 7.5 6 7.5-6"/>`,
	"scan":         `<path d="M4 8.5V6a2 2 0 0 1 2-2h2.5M15.500 4H18a2 2 0 0 1 2 2v2.500M20 15.500V18a2 2 0 0 1-2 2h-2.500M8.500 20H6a2 2 0 0 1-2-2v-2.500M4 12h16"/>`,
	"settings":     `<path d="M4 7h8M17 7h3M4 17h3M12 17h8"/><circle cx="14.500" cy="7" r="2.500"/><circle cx="9.500" cy="17" r="2.500"/>`,
	"search":       `<circle cx="11" cy="11" r="6"/><path d="m20 20-4.500-4.500"/>`,
	"back":         `<path d="m14.500 5-7 7 7 7"/>`,
	"next":         `<path d="m9.500 5 7 7-7 7"/>`,
	"civic":        `<path d="M3.500 9.500 12 4l8.500 5.500zM5 20h14M6.500 10v7M10.200 10v7M13.800 10v7M17.500 10v7"/>`,
	"certificates": `<path d="M7 3.500h7l4.500 4.500v10A1.500 1.500 0 0 1 17 19.500h-2M7 3.500A1.500 1.500 0 0 0 5.500 5v6M14 3.500V8h4.500"/><circle cx="8.500" cy="14.500" r="3"/><path d="m7 17-.5 4 2-1 2 1-.5-4"/>`,
	"animals":      `<circle cx="6" cy="11" r="1.700"/><circle cx="10" cy="6.800" r="1.900"/><circle cx="14.500" cy="6.800" r="1.900"/><circle cx="18.300" cy="11" r="1.700"/><path d="M12.200 11.500c-2.600 0-5.200 3-5.200 5.300a2.300 2.300 0 0 0 2.700 2.200c1.700-.3 3.300-.3 5 0a2.300 2.300 0 0 0 2.700-2.200c0-2.300-2.600-5.300-5.200-5.300z"/>`,
	"medical":      `<path d="M12 20s-7.500-4.600-7.500-10A4.300 4.300 0 0 1 12 7.300 4.300 4.300 0 0 1 19.500 10c0 5.400-7.500 10-7.500 10z"/><path d="M12 9.800v4.400M9.800 12h4.400"/>`,
	"travel":       `<rect x="5" y="4" width="14" height="13" rx="2.500"/><path d="M5 11h14M8 20v-3M16 20v-3M8.500 14h.01M15.500 14h.01"/>`,
	"other":        `<rect x="4.500" y="4.500" width="6" height="6" rx="1.500"/><rect x="13.500" y="4.500" width="6" height="6" rx="1.500"/><rect x="4.500" y="13.500" width="6" height="6" rx="1.500"/><rect x="13.500" y="13.500" width="6" height="6" rx="1.500"/>`,
	"shield":       `<path d="M12 3.500 19 6v5.500c0 4.300-2.900 7.500-7 9-4.100-1.500-7-4.700-7-9V6z"/><path d="m9 12 2.200 2.200L15.200 10"/>`,
	"card":         `<rect x="3.500" y="5.500" width="17" height="13" rx="2"/><circle cx="8.500" cy="11" r="2"/><path d="M5.800 15.500a2.800 2.800 0 0 1 5.400 0M14 10h3.500M14 13.500h3.500"/>`,
	"clock":        `<circle cx="12" cy="12" r="8"/><path d="M12 7.500V12l3 2"/>`,
	"share":        `<path d="M12 14.500V4M8 7.500 12 4l4 3.500M6 11.500v7A1.500 1.500 0 0 0 7.500 20h9a1.500 1.500 0 0 0 1.500-1.500v-7"/>`,
	"pin":          `<path d="M12 20.500s6-5.500 6-10.500a6 6 0 0 0-12 0c0 5 6 10.500 6 10.500z"/><circle cx="12" cy="10" r="2"/>`,
	"star":         `<path d="m12 4 2.500 5.100 5.600.8-4.050 3.950.95 5.550L12 16.750 7 19.400l.95-5.550L3.900 9.900l5.600-.8z"/>`,
	"alert":        `<path d="M12 4 21 19.500H3z"/><path d="M12 10v4M12 16.800h.01"/>`,
	"lock":         `<rect x="5.500" y="10.500" width="13" height="9.500" rx="2"/><path d="M8.500 10.500V8a3.500 3.500 0 0 1 7 0v2.500"/>`,
	"wallet":       `<path d="M4 8a2.500 2.500 0 0 1 2.500-2.500H17V9M4 8v9.500A1.500 1.500 0 0 0 5.500 19h13a1.500 1.500 0 0 0 1.500-1.500v-7A1.500 1.500 0 0 0 18.500 9H5a1 1 0 0 1-1-1z"/><path d="M16 14h.01"/>`,
	"bankcard":     `<rect x="3.500" y="5.500" width="17" height="13" rx="2"/><path d="M3.500 9.800h17M7 15h3.500"/>`,
	"coins":        `<ellipse cx="12" cy="7" rx="6.500" ry="2.800"/><path d="M5.500 7v5c0 1.500 2.900 2.800 6.500 2.800s6.500-1.300 6.500-2.800V7M5.500 12v5c0 1.500 2.900 2.800 6.500 2.800s6.500-1.300 6.500-2.800v-5"/>`,
	"return":       `<path d="M9 6 4.500 10.500 9 15M4.500 10.500H15a4.500 4.500 0 0 1 0 9h-2.500"/>`,
	"cross":        `<path d="m6.500 6.500 11 11M17.500 6.500l-11 11"/>`,
	"check":        `<path d="m5 12.500 4.500 4.500L19 7.500"/>`,
}

// sameIcon are categories that share a drawing.
var sameIcon = map[string]string{"health": "medical", "registration": "card", "permits": "shield", "appointments": "clock"}

// icon draws one; an unknown name is the one for other services. The drawings are constants of this file.
func icon(name string) template.HTML {
	if other, ok := sameIcon[name]; ok {
		name = other
	}
	d, ok := icons[name]
	if !ok {
		d = icons["other"]
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + d + `</svg>`)
}
