package config

// checkNginx checks the values that only the generator reads against each other.
func (l *loader) checkNginx() {
	if l.cfg.Nginx.LimitReq.Burst > 0 && l.cfg.Nginx.LimitReq.Rate == "" {
		l.fault("nginx.limit_req.burst", "means nothing without nginx.limit_req.rate; give both")
	}
	l.checkPrivate()
	l.checkTLS()
	l.checkNodes()
}

// checkPrivate refuses scopes that nobody could read, and credentials for
// nothing. The daemon need not know the tokens, so there it goes by the key.
func (l *loader) checkPrivate() {
	p := l.cfg.Nginx.Private
	_, tokens := l.given["nginx.private.tokens"]
	if l.generator {
		tokens = len(p.Tokens) > 0
	}
	if len(p.Scopes) > 0 && p.HTPasswd == "" && !tokens {
		l.fault("nginx.private.scopes", "are for nobody without nginx.private.htpasswd or a token in nginx.private.tokens; give one")
	}
	if len(p.Scopes) > 0 {
		return
	}
	if p.HTPasswd != "" {
		l.fault("nginx.private.htpasswd", "means nothing without nginx.private.scopes; give both")
	}
	if len(p.Tokens) > 0 {
		l.fault("nginx.private.tokens", "means nothing without nginx.private.scopes; give both")
	}
}

func (l *loader) checkTLS() {
	n := l.cfg.Nginx
	switch {
	case n.TLS.Cert != "" && n.TLS.Key == "":
		l.fault("nginx.tls.cert", "means nothing without nginx.tls.key; give both")
	case n.TLS.Cert == "" && n.TLS.Key != "":
		l.fault("nginx.tls.key", "means nothing without nginx.tls.cert; give both")
	case n.HTTP2 && n.TLS.Cert == "":
		l.fault("nginx.http2", "needs nginx.tls: no browser speaks it without")
	}
}

// checkNodes: several daemons have several data directories, and nginx can look
// into one at most.
func (l *loader) checkNodes() {
	n := l.cfg.Nginx
	if len(n.Nodes) == 0 {
		return
	}
	seen := map[string]bool{}
	for _, node := range n.Nodes {
		if seen[node] {
			l.fault("nginx.nodes", complaint("names "+node+" twice; remove one"))
			return
		}
		seen[node] = true
	}
	if l.cfg.Accel != "off" {
		l.fault("nginx.nodes", "needs accel: off, on every node too: nginx cannot look into their data directories")
	}
	if isHostPort(n.Upstream) {
		l.fault("nginx.upstream", "is one address, and nginx.nodes has others; give a name or remove one of the two")
	}
}
