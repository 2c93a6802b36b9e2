package identity

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// signOut ends the session here and then at the issuer (RP-Initiated Logout 1.0). No ID token is kept for a hint: the
// client id tells the issuer who asks.
func (s *Service) signOut(w http.ResponseWriter, r *http.Request, area Area) error {
	ctx := r.Context()
	tenant := kernel.TenantOf(ctx)
	token := secretCookie(r, cookieOf(area))
	setCookie(w, cookieOf(area), "", 0)
	var closed []ended
	if token != "" {
		err := s.db.InTx(ctx, tenant.ID, func(tx *pg.Tx) (err error) {
			if closed, err = deleteSession(ctx, tx, hash(token), area); err != nil {
				return err
			}
			return s.recordEnded(ctx, tx, area, closed, "session.close", "person")
		})
		if err != nil {
			return err
		}
	}
	redirect(w, r, s.afterSignOut(ctx, tenant, area, closed))
	return nil
}

func (s *Service) afterSignOut(ctx context.Context, tenant kernel.Tenant, area Area, closed []ended) string {
	if len(closed) == 0 {
		return "/"
	}
	p, ok := s.provider(closed[0].Issuer, area, tenant)
	if !ok {
		return "/"
	}
	meta, err := p.meta.get(ctx, false)
	if err != nil || meta.EndSession == "" { // signed out here, whatever the issuer does
		return "/"
	}
	to, err := withQuery(meta.EndSession, url.Values{
		"client_id": {closed[0].Client}, "post_logout_redirect_uri": {tenant.Origin + "/"}, "ui_locales": {kernel.LocaleOf(ctx)},
	})
	if err != nil {
		return "/"
	}
	return to
}

func (s *Service) recordEnded(ctx context.Context, tx *pg.Tx, area Area, closed []ended, action, by string) error {
	for _, e := range closed {
		who := kernel.Principal{Kind: kernel.Citizen, Tenant: tx.TenantID(), Person: e.Person, Client: e.Client, Session: e.ID}
		if area == AreaStaff {
			who.Kind = kernel.Staff
		}
		if err := s.record(ctx, tx, who, action, map[string]string{"by": by}); err != nil {
			return err
		}
	}
	return nil
}

// backchannel obeys an issuer that says somebody signed out there (Back-Channel Logout 1.0 §2.5). It answers in the
// words of §2.8 rather than with a page: the reader is a program.
func (s *Service) backchannel(w http.ResponseWriter, r *http.Request, area Area, app string) error {
	w.Header().Set("Cache-Control", "no-store")
	err := s.endByToken(r, area, app)
	if err == nil {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	e := kernel.AsError(err)
	w.Header().Set("Content-Type", "application/json")
	switch e.Kind {
	case kernel.Unavailable:
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(e.RetryAfter.Seconds()))))
		w.WriteHeader(http.StatusServiceUnavailable)
		_, err = w.Write([]byte(`{"error":"temporarily_unavailable"}`))
	case kernel.Forbidden:
		s.log.WarnContext(r.Context(), "logout token refused", "tenant", kernel.TenantOf(r.Context()).ID, "reason", e.Err)
		w.WriteHeader(http.StatusBadRequest)
		_, err = w.Write([]byte(`{"error":"invalid_request"}`))
	default:
		return err
	}
	return err
}

func (s *Service) endByToken(r *http.Request, area Area, app string) error {
	ctx := r.Context()
	tenant := kernel.TenantOf(ctx)
	if err := r.ParseForm(); err != nil || len(r.PostForm["logout_token"]) != 1 {
		return errRefused.Wrap(errors.New("want one logout_token"))
	}
	raw := r.PostForm.Get("logout_token")
	if err := checkHeader(raw, "logout+jwt"); err != nil {
		return errRefused.Wrap(err)
	}
	p, err := s.providerOf(raw, tenant)
	if err != nil || p.Area != area {
		return errRefused.Wrap(errors.Join(err, errors.New("not an issuer of this area")))
	}
	order, err := p.verifyLogoutToken(ctx, raw, ClientID(tenant.ID, app))
	if err != nil {
		if kernel.KindOf(err) == kernel.Unavailable {
			return err
		}
		return errRefused.Wrap(err)
	}
	return s.db.InTx(ctx, tenant.ID, func(tx *pg.Tx) error {
		fresh, err := useLogoutToken(ctx, tx, p.URL, order)
		if err != nil {
			return err
		}
		if !fresh {
			return errRefused.Wrap(errors.New("jti was used before"))
		}
		closed, err := deleteSessionsOf(ctx, tx, area, p.URL, order)
		if err != nil {
			return err
		}
		return s.recordEnded(ctx, tx, area, closed, "session.close", "issuer")
	})
}
