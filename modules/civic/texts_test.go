package civic

import (
	"encoding/json"
	"io/fs"
	"testing/fstest"

	"townhall/modules/kernel"
	"townhall/workflows"
)

// fieldTexts stands in for the words casework brings: what is wrong with an answer.
func fieldTexts() fs.FS {
	out := fstest.MapFS{}
	for _, l := range kernel.Locales {
		b, _ := json.Marshal(workflows.Messages)
		out[l+".json"] = &fstest.MapFile{Data: b}
	}
	return out
}
