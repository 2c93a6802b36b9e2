// Package ui makes the pages people see: the shared blocks (blocks.go), the texts in every language
// (texts.go), a module's page templates joined with the blocks (views.go), the document around them with its
// security headers (page.go, headers.go), our one stylesheet and one small script (assets.go, static/), dates and
// money as each language writes them (format.go), and the gallery which shows all of it (gallery.go).
//
// The patterns are those of the GOV.UK Design System (one thing per page, an error summary that leads to the
// fields, check answers before sending), the skin is ours. Every page works without JavaScript, meets WCAG 2.2 AA
// and fits a phone of 320 CSS pixels.
package ui
