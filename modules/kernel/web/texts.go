package web

import (
	"embed"
	"io/fs"
)

//go:embed texts/*.json
var texts embed.FS

// Texts are the words of the errors this package and kernel answer with, by language.
func Texts() fs.FS {
	sub, err := fs.Sub(texts, "texts")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return sub
}
