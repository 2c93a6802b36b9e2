package identity

import (
	"embed"
	"io/fs"
)

//go:embed texts/*.json
var texts embed.FS

// Texts are the module's words, en.json, ru.json and zh.json, for kernel/ui.
func Texts() fs.FS {
	sub, err := fs.Sub(texts, "texts")
	if err != nil { // the folder is compiled in
		panic(err)
	}
	return sub
}
