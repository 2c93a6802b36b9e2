// Package openapi holds the published contracts, written by `townhall openapi` from the code: one file per
// contract in OpenAPI 3.1 (<name>.yaml) and one in 3.0 (<name>.3.0.yaml) for tools that lag behind, and problems.yaml,
// the stable names of every error with its texts.
package openapi

import "embed"

//go:embed *.yaml
var FS embed.FS
