package modules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// ContractFile is one generated file of openapi/.
type ContractFile struct {
	Name    string // "civic.yaml"
	Content []byte
}

// ContractFiles renders every contract and the list of problems. The result depends on the code alone.
func (t *Town) ContractFiles() ([]ContractFile, error) {
	exports, err := t.Server.Export()
	if err != nil {
		return nil, err
	}
	var out []ContractFile
	for _, e := range exports {
		out = append(out, ContractFile{e.Name + ".yaml", e.V31}, ContractFile{e.Name + ".3.0.yaml", e.V30})
	}
	problems, err := problemsFile(t.Texts)
	if err != nil {
		return nil, err
	}
	return append(out, ContractFile{"problems.yaml", problems}), nil
}

// problemsFile lists the stable name of every problem and of every field problem, with its words: the "code" members
// of kernel/web's Problem.
func problemsFile(texts *ui.Texts) ([]byte, error) {
	type entry struct {
		Code  string            `yaml:"code"`
		Words map[string]string `yaml:"words"`
	}
	var file struct {
		Problems []entry `yaml:"problems"`
		Fields   []entry `yaml:"fields"`
	}
	keys := texts.Keys()
	slices.Sort(keys)
	for _, key := range keys {
		words := map[string]string{}
		for _, l := range kernel.Locales {
			words[l] = texts.Lookup(l, key, nil)
		}
		if code, ok := strings.CutPrefix(key, "error."); ok {
			file.Problems = append(file.Problems, entry{code, words})
		} else if strings.HasPrefix(key, "field.") {
			file.Fields = append(file.Fields, entry{key, words})
		}
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, "# The stable names of every problem an answer can carry (RFC 9457, member \"code\") and of every field")
	fmt.Fprintln(&b, "# problem (member \"errors[].code\"), with their words. Written by `townhall openapi`.")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(file); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}
