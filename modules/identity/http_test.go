package identity_test

import (
	"context"
	"net/http"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

type whoOutput struct{ Body whoBody }

type whoBody struct {
	Kind   string   `json:"kind"`
	Person string   `json:"person"`
	Name   string   `json:"name"`
	Client string   `json:"client"`
	Level  string   `json:"level"`
	Scopes []string `json:"scopes"`
	Roles  []string `json:"roles"`
}

func registerWho(api *web.API) {
	everybody := []kernel.PrincipalKind{kernel.Citizen, kernel.Staff, kernel.Integrator, kernel.Host}
	handle := func(ctx context.Context, _ *struct{}) (*whoOutput, error) {
		p := kernel.PrincipalOf(ctx)
		out := whoBody{string(p.Kind), string(p.Person), p.Name, p.Client, p.Level.String(), append([]string{}, p.Scopes...), []string{}}
		for _, g := range p.Grants {
			out.Roles = append(out.Roles, string(g.Agency)+"/"+g.Role)
		}
		return &whoOutput{out}, nil
	}
	web.Register(api, web.Op{ID: "who", Method: http.MethodGet, Path: "/who", Summary: "Who", Policy: web.Policy{Kinds: everybody, Relation: "none"}}, handle)
	web.Register(api, web.Op{ID: "strong", Method: http.MethodGet, Path: "/strong", Summary: "Strong",
		Policy: web.Policy{Kinds: everybody, Relation: "none", Level: kernel.High}}, handle)
	web.Register(api, web.Op{ID: "scoped", Method: http.MethodGet, Path: "/scoped", Summary: "Scoped",
		Policy: web.Policy{Kinds: everybody, Relation: "none", Scope: "civic.write"}}, handle)
	web.Register(api, web.Op{ID: "theirs", Method: http.MethodGet, Path: "/theirs", Summary: "Theirs",
		Policy: web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Relation: "none"}}, handle)
}
