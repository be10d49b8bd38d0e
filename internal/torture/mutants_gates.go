package main

// gateMutants break the rules of tokens in headers, of gates, and of edits.
var gateMutants = []mutant{
	{
		"the cookie takes the place of an unknown token in a header", "exchange.go",
		"case x.header != nil ||", "case x.header != nil && len(x.header.value) == tokenLen ||", testOf(".", "TestMalformedTokenHeader"),
	},
	{
		"a header that middleware removes still exempts from the check of the origin", "exchange.go",
		"case x.header != nil ||", "case x.m.cfg.Transport.read(x.came.Header) != nil ||", testOf(".", "TestTokenHeaderAndOrigin"),
	},
	{
		"a token of a header works in a cookie", "transport.go",
		"unique := \"\\x00header\\x00\" + cookie", "unique := \"__Host-\" + cookie", testOf(".", "TestTokenKeepsItsKind"),
	},
	{
		"a key in a header exempts a request with a cookie", "cookie.go",
		"if _, found, _ := readCookie(r.Header, sc.name); found {", "if _, found, _ := readCookie(r.Header, sc.name); found && false {", testOf(".", "TestTokenHeaderAndOrigin"),
	},
	{
		"credentials that browsers add exempt from the check of the origin", "transport.go",
		`strings.EqualFold(scheme, "Bearer")`, `scheme != ""`, testOf(".", "TestTokenHeaderAndOrigin"),
	},
	{
		"the browser's cache keeps a token", "cookie.go",
		"cmp.Or(token, tokenGone)}\n\th[\"Cache-Control\"] = []string{\"no-store\"}", "cmp.Or(token, tokenGone)}\n\tnoStore(h)", testOf(".", "TestTokenHeader"),
	},
	{
		"a confirmation keeps the old token", "login.go",
		"s.rotateToken()\n\ts.do(op{kind: opConfirm", "s.do(op{kind: opConfirm", testOf(".", "TestConfirm"),
	},
	{
		"a confirmation begins a new session", "session.go",
		"errors.Is(err, ErrEnded) && s.login() != nil &&", "errors.Is(err, ErrEnded) && s.pending != nil && slices.ContainsFunc(s.pending.ops, needsToken) &&", overlapsOn("memory"),
	},
	{
		"a confirmation after a lost answer gets no token", "update.go",
		"slices.ContainsFunc(todo.ops[a.ops:], needsToken)", "slices.ContainsFunc(todo.ops[a.ops:], isLogin)", testOf(".", "TestConfirmAgainAfterALostAnswer"),
	},
	{
		"a way back leads to another site", "return_path.go",
		"return u.Path == clean ||", "return true || u.Path == clean ||", testOf(".", "TestReturnPath"),
	},
	{
		"an old login is fresh", "gate.go",
		"m.cfg.Now().Sub(s.AuthenticatedAt()) < maxAge", "m.cfg.Now().Sub(s.AuthenticatedAt()) >= 0", testOf(".", "TestRequireFresh"),
	},
	{
		"a route that looks like the sign-in page passes a gate", "gate.go",
		"return r.URL.EscapedPath() == page && sent == page", "return r.URL.EscapedPath() == page || sent == page", testOf(".", "TestGateLetsItsPageThrough"),
	},
	{
		"an edit extends the session", "edit.go",
		"s.passive, s.loadedAt = true, now", "s.passive, s.loadedAt = false, now", overlapsOn("memory"),
	},
	{
		"an edit runs on a session that has expired", "edit.go",
		"if !now.Before(at.rec.ExpiresAt) ||", "if false ||", testOf(".", "TestEditFindsNothing"),
	},
	{
		"an edit changes a session that is another owner's now", "edit.go",
		"if err == nil && !holds(s) {", "if err == nil && !holds(s) && false {", testOf(".", "TestEditOwner"),
	},
	{
		"an edit sends a token to nobody", "edit.go",
		"s.phase, s.ended = sealed, errEdit", "s.ended = errEdit", testOf(".", "TestEditStoresNothing"),
	},
	{
		"a proxy takes a refusal for a yes", "forward_auth.go",
		"w.Header().Set(\"Hx-Redirect\", withReturn(page, wayBack(r)))\n\t\tm.unauthorized(w, no, page)", "w.Header().Set(\"Hx-Redirect\", withReturn(page, wayBack(r)))\n\t\tw.WriteHeader(http.StatusNoContent)", testOf(".", "TestForwardAuth"),
	},
	{
		"an owner is sent as programs might not read it", "forward_auth.go",
		"case !isHeaderText(owner):", "case false:", testOf(".", "TestForwardAuthOwners"),
	},
	{
		"a proxy's GET hides a write of another site", "forward_auth.go",
		"if err := m.checkOrigin(r, m.cfg.Transport.read(r.Header)); err != nil {", "if err := error(nil); err != nil {", testOf(".", "TestForwardAuth"),
	},
}
