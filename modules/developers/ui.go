package developers

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"

	"github.com/swaggest/swgui/v5/static"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// guide is the data of ui/guide.html.
type guide struct {
	Origin    string
	Contracts []ui.Card
}

func (s *Service) home(w http.ResponseWriter, r *http.Request) error {
	g := guide{Origin: kernel.TenantOf(r.Context()).Origin}
	for _, c := range s.contracts {
		card := ui.Card{Href: "/developers/" + c.Name, Title: c.Title, Icon: "code", Meta: c.Name + ".yaml"}
		if len(c.Description) > 0 {
			card.Text = c.Description[0]
		}
		g.Contracts = append(g.Contracts, card)
	}
	return s.Render(w, r, s.views, "guide", ui.View{
		Title: s.t(r, "developers.title"), Lead: s.t(r, "developers.lead"), Data: g, Active: "guide", Wide: true,
	})
}

// checking tells how to check a sealed document: by the public API, and offline with other people's programs.
func (s *Service) checking(w http.ResponseWriter, r *http.Request) error {
	return s.Render(w, r, s.views, "checking", ui.View{
		Title: s.t(r, "developers.checking"), Lead: s.t(r, "developers.checking-lead"), Data: guide{Origin: kernel.TenantOf(r.Context()).Origin},
		Active: "checking", Wide: true,
	})
}

// hosts is the whole of what a host wallet does and may use.
func (s *Service) hosts(w http.ResponseWriter, r *http.Request) error {
	return s.Render(w, r, s.views, "hosts", ui.View{
		Title: s.t(r, "developers.hosts"), Lead: s.t(r, "developers.hosts-lead"), Data: guide{Origin: kernel.TenantOf(r.Context()).Origin},
		Active: "hosts", Wide: true,
	})
}

// paying tells what a host wallet offers so that its citizens can pay through it.
func (s *Service) paying(w http.ResponseWriter, r *http.Request) error {
	return s.Render(w, r, s.views, "paying", ui.View{
		Title: s.t(r, "developers.paying"), Lead: s.t(r, "developers.paying-lead"), Data: guide{Origin: kernel.TenantOf(r.Context()).Origin},
		Active: "paying", Wide: true,
	})
}

// page is a contract's reference, or the contract itself when the name ends in .yaml.
func (s *Service) page(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("page")
	if file, ok := strings.CutSuffix(name, ".yaml"); ok {
		return s.download(w, file)
	}
	c, err := s.contract(name)
	if err != nil {
		return err
	}
	return s.Render(w, r, s.views, "contract", ui.View{Title: c.Title, Data: c, Active: c.Name, Wide: true})
}

// download serves <name>.yaml and <name>.3.0.yaml to anybody's tools.
func (s *Service) download(w http.ResponseWriter, file string) error {
	name, old := strings.CutSuffix(file, ".3.0")
	c, err := s.contract(name)
	if err != nil {
		return err
	}
	body := c.yaml
	if old {
		body = c.yaml30
	}
	h := w.Header()
	h.Set("Content-Type", "application/yaml") // RFC 9512
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	_, err = w.Write(body)
	return err
}

func (s *Service) contract(name string) (*contract, error) {
	for _, c := range s.contracts {
		if c.Name == name {
			return c, nil
		}
	}
	return nil, kernel.NotThere("contract")
}

// tryIt is Swagger UI for one contract. It styles elements one by one, which our own policy forbids; it still talks
// to nobody but us.
func (s *Service) tryIt(w http.ResponseWriter, r *http.Request) error {
	c, err := s.contract(r.PathValue("contract"))
	if err != nil {
		return err
	}
	ui.SecurityHeaders(w.Header())
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "+
		"img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	return s.Render(w, r, s.views, "tryit", ui.View{Title: s.t(r, "developers.try-title", "contract", c.Title), Back: "/developers/" + c.Name, Data: c, Active: c.Name, Wide: true})
}

// swaggerFiles are the files of Swagger UI we use; they lie in the library gzipped.
var swaggerFiles = map[string]string{"swagger-ui-bundle.js": "text/javascript; charset=utf-8", "swagger-ui.css": "text/css; charset=utf-8"}

// swagger serves Swagger UI's own files, compiled into the binary, and our four lines that start it.
func (s *Service) swagger(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("file")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	if file == "tryit.js" {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, err := w.Write(script)
		return err
	}
	kind, ok := swaggerFiles[file]
	if !ok {
		return kernel.NotThere("asset")
	}
	packed, err := static.FS.ReadFile(file + ".gz")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		_, err = w.Write(packed)
		return err
	}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, plain)
	return err
}

func (s *Service) t(r *http.Request, key string, args ...any) string {
	return s.deps.Texts.T(kernel.LocaleOf(r.Context()), key, args...)
}
