package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed static
var staticFiles embed.FS

type asset struct {
	url, kind string
	raw, gz   []byte
}

// bundle is worked out once from files compiled into the binary; it never changes.
var bundle = sync.OnceValue(func() map[string]asset {
	out := map[string]asset{}
	err := fs.WalkDir(staticFiles, "static", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := staticFiles.ReadFile(p)
		if err != nil {
			return err
		}
		name := path.Base(p)
		out[name] = newAsset(name, raw)
		return nil
	})
	// The stylesheet names its images by their plain name; they are served under their hashed one.
	css := string(out["app.css"].raw)
	for name, a := range out {
		css = strings.ReplaceAll(css, "url("+name+")", "url("+a.url+")")
	}
	out["app.css"] = newAsset("app.css", []byte(css))
	if err != nil {
		panic(err) // an embedded file that cannot be read is a broken binary
	}
	return out
})

func newAsset(name string, raw []byte) asset {
	sum := sha256.Sum256(raw)
	ext := path.Ext(name)
	kind := mime.TypeByExtension(ext)
	switch ext {
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	}
	return asset{
		url:  "/assets/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:])[:10] + ext,
		kind: kind, raw: raw, gz: gzipped(raw),
	}
}

func gzipped(raw []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(raw)
	w.Close()
	return b.Bytes()
}

// AssetURL is the address of a file in static/, with a hash of its content in the name: it may be cached for ever.
func AssetURL(name string) (string, error) {
	a, ok := bundle()[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return a.url, nil
}

// Assets serves everything under /assets/. It needs no tenant and no session.
func Assets() http.Handler {
	byURL := map[string]asset{}
	for _, a := range bundle() {
		byURL[a.url] = a
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/assets/tenant.css" {
			serveTenantCSS(w, r)
			return
		}
		a, ok := byURL[r.URL.Path]
		if !ok {
			w.Header().Set("Cache-Control", "no-store")
			http.NotFound(w, r)
			return
		}
		serveAsset(w, r, a)
	})
}

func serveAsset(w http.ResponseWriter, r *http.Request, a asset) {
	h := w.Header()
	commonHeaders(h)
	// An SVG opened by itself must not run anything either.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'")
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := a.raw
	if len(a.gz) > 0 && len(a.gz) < len(a.raw) && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.gz
	}
	h.Set("Content-Length", itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}
