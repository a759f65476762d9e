package proof

import (
	"context"
	"fmt"
	"net/http"
)

func withoutScopes(s *site) string {
	if len(s.config.Nginx.Private.Scopes) == 0 {
		return "nginx.private.scopes is not set"
	}
	return ""
}

// privately asks without and with a token, for what is on disk and what is
// not. Passwords are not known here.
func privately(ctx context.Context, s *site) error {
	p := s.config.Nginx.Private
	for _, scope := range p.Scopes {
		if err := s.put(scope+"/disk/1.0.0/a.js", "private"); err != nil {
			return err
		}
		before := s.daemon.asked("")
		for _, path := range []string{"/disk/1.0.0/a.js", "/disk@1.0.0/a.js", "%2fdisk/1.0.0/a.js", "/disk/1.0.0/a.js?meta", "/made-x/1.0.0/a.js", "/range/^1/a.js"} {
			for _, header := range []string{"X: y", "Authorization: Bearer nobody-has-this", "Authorization: Basic bm9ib2R5Om5vYm9keQ=="} {
				if _, err := s.want(ctx, http.StatusUnauthorized, scope+path, []string{header}, "Cache-Control", "no-store"); err != nil {
					return err
				}
			}
		}
		if err := s.unasked(before); err != nil {
			return err
		}
		for _, token := range p.Tokens {
			if _, err := s.want(ctx, http.StatusOK, scope+"/made-x/1.0.0/a.js", []string{"Authorization: Bearer " + token}); err != nil {
				return err
			}
		}
	}
	return nil
}

func withoutNodes(s *site) string {
	if len(s.config.Nginx.Nodes) == 0 {
		return "nginx.nodes is not set"
	}
	return ""
}

// shared asks for several files of several packages, and then takes a node away
// for good.
func shared(ctx context.Context, s *site) error {
	ask := func(version string) error {
		for i := range 20 {
			for _, file := range []string{"a.js", "b.js"} {
				if _, err := s.want(ctx, http.StatusOK, fmt.Sprintf("made-%d/%s/%s", i, version, file), nil); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := ask("1.0.0"); err != nil {
		return err
	}
	for i := range 20 {
		nodes := 0
		for _, node := range s.config.Nginx.Nodes {
			if s.daemon.asked(fmt.Sprintf("%s %smade-%d/", node, s.pub, i)) > 0 {
				nodes++
			}
		}
		if nodes != 1 {
			return fmt.Errorf("%d nodes were asked for one package", nodes)
		}
	}
	if len(s.config.Nginx.Nodes) == 1 {
		return nil
	}
	s.daemon.listeners[0].Close()
	return ask("2.0.0")
}
