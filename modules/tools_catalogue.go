package modules

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
)

// What the command line needs of the catalogue module without a running town.
type (
	// CatalogueReport is the verdict on a municipality's catalogue.
	CatalogueReport = published.Report
	// CatalogueSeen is what is remembered of the log between two checks.
	CatalogueSeen = published.Seen
)

// VerifyCatalogue checks everything the municipality at address offers: each manifest's form, hash, signature and place in
// the log. key is the log's public key or empty, seen what an earlier check remembered or nil. The error is for a catalogue
// that cannot be read at all.
func VerifyCatalogue(ctx context.Context, address, key string, seen *CatalogueSeen) (CatalogueReport, error) {
	client := &http.Client{Transport: &http.Transport{DialContext: kernel.DialLoopbackNames, Proxy: http.ProxyFromEnvironment}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	return published.Catalogue(ctx, published.Check{URL: address, Key: key, Seen: seen, Client: client})
}
