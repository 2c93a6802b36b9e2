// Package clients generates one client package per contract, with oapi-codegen at the version go.mod pins:
//
//	go generate ./...
//
// The generated packages are not committed: they follow from the contracts two folders above.
package clients

//go:generate go tool oapi-codegen -config civic.yaml ../../civic.3.0.yaml
//go:generate go tool oapi-codegen -config workflow.yaml ../../workflow.3.0.yaml
//go:generate go tool oapi-codegen -config documents.yaml ../../documents.3.0.yaml
//go:generate go tool oapi-codegen -config wallet.yaml ../../wallet.3.0.yaml
//go:generate go tool oapi-codegen -config medical.yaml ../../medical.3.0.yaml
