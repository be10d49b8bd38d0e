package sessionpage

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// english has all texts of the pages. None of them contains a noun that would have to agree
// with a number, because languages have up to six plural forms.
var english = map[string]string{
	"skip":           "Skip to the content",
	"title":          "Your sessions",
	"intro":          "These are the browsers and devices on which you are signed in. If you don’t recognize one, end its session and change your password.",
	"alone":          "You are signed in here and nowhere else.",
	"not_signed_in":  "You are not signed in.",
	"sign_in":        "Sign in",
	"sign_out":       "Sign out",
	"this_session":   "This session",
	"device":         "{browser} on {system}",
	"unknown_device": "Unknown device",
	"last_active":    "Last active",
	"signed_in":      "Signed in",
	"started":        "Started",
	"place":          "Place",
	"address":        "Address",
	"not_recorded":   "Not recorded",
	"unreadable":     "The data of this session can’t be read.",
	"end":            "End session",
	"end_others":     "End all other sessions",
	"others_title":   "End all other sessions?",
	"others_text":    "All other browsers and devices will be signed out. You stay signed in here.",
	"cancel":         "Cancel",
	"back":           "Back",
	"first_shown":    "The first {n} are shown, most recently active first. There are more.",
	"unsupported":    "The session store can’t list sessions.",
	"now":            "Now",
	"minutes_ago":    "{n} min ago",
	"hours_ago":      "{n} h ago",
	"days_ago":       "{n} d ago",

	"done_ended":  "The session has ended: {device}.",
	"done_others": "Other sessions that have ended: {n}.",
	"done_owner":  "Sessions of {owner} that have ended: {n}.",
	"done_self":   "You are signed out.",
	"done_before": "That session had already ended.",

	"error_400":      "The form could not be read.",
	"error_403":      "You are not allowed to see this page.",
	"error_404":      "There is no page at this address.",
	"error_405":      "This address does not support this method.",
	"error_413":      "The form is too large.",
	"error_title":    "This did not work",
	"admin_title":    "Sessions",
	"admin_live":     "Live",
	"admin_accounts": "Signed in",
	"admin_visitors": "Anonymous",
	"admin_expired":  "Expired, not removed",
	"admin_saves":    "Saves of live sessions",
	"admin_partial":  "Counting stopped after the first {n} live sessions. There are more.",
	"admin_time":     "Counted {time}.",
	"search_title":   "Find the sessions of an account",
	"search_label":   "Account",
	"search_hint":    "Exactly as the application passes it to Login.",
	"search":         "Find",
	"age_title":      "Age",
	"browser_title":  "Browsers",
	"system_title":   "Systems",
	"age_1h":         "Less than 1 h",
	"age_6h":         "1 to 6 h",
	"age_24h":        "6 to 24 h",
	"age_7d":         "1 to 7 d",
	"age_30d":        "7 to 30 d",
	"age_more":       "More than 30 d",
	"unknown":        "Unknown",
	"other":          "Other",
	"sessions":       "Sessions",
	"share":          "Share",
	"owner_title":    "Sessions of {owner}",
	"owner_none":     "This account has no sessions.",
	"owner_end":      "End all sessions of this account",
	"owner_confirm":  "End all sessions of {owner}?",
	"owner_text":     "Everyone who uses this account will be signed out.",
	"owner_text_own": "This is your own account. You stay signed in here; all your other sessions end.",

	"events_title":  "Events",
	"events_since":  "In this process, since it started.",
	"event":         "Event",
	"count":         "Count",
	"created":       "Sessions created",
	"rotated":       "Tokens replaced",
	"logged-out":    "Signed out",
	"revoked":       "Ended by others",
	"expired":       "Requests after expiry",
	"replayed":      "Conflicts, saved after a replay",
	"conflict":      "Conflicts, not saved",
	"failed":        "Store calls that failed",
	"dropped":       "Writes dropped",
	"late":          "Writes after the response began",
	"corrupt":       "Values that do not decode",
	"cross-origin":  "Requests of other sites, refused",
	"not-created":   "Sessions not created",
	"rejected":      "Cookies that browsers reject",
	"unknown-token": "Unknown tokens",
	"bad-cookie":    "Malformed cookies",
	"replaced":      "Tokens just replaced",
	"token-reuse":   "Tokens used again, possibly stolen",
}

// Texts returns a copy of all English texts, by name, for translators. Words in braces, such as
// {n}, stand for text that the page inserts; a translation may put them in any order, or leave
// them out.
func Texts() map[string]string { return maps.Clone(english) }

// problems lists the texts that no page would show, sorted.
func (l Language) problems() (list []string) {
	for _, name := range slices.Sorted(maps.Keys(l.Texts)) {
		text, ok := english[name]
		if !ok {
			list = append(list, fmt.Sprintf("there is no text named %q; see Texts", name))
			continue
		}
		for _, word := range inserts(l.Texts[name]) {
			if !slices.Contains(inserts(text), word) {
				list = append(list, fmt.Sprintf("the page inserts no %s into the text %q", word, name))
			}
		}
	}
	return list
}

// inserts lists the words in braces.
func inserts(text string) (list []string) {
	for {
		_, rest, ok := strings.Cut(text, "{")
		if !ok {
			return list
		}
		word, after, ok := strings.Cut(rest, "}")
		if !ok {
			return list
		}
		list, text = append(list, "{"+word+"}"), after
	}
}

// A speech is the language of one response.
type speech struct {
	tag   string
	texts map[string]string
	dir   string
}

// speechFor chooses the language for a request.
func (l *Look) speechFor(r *http.Request) speech {
	tag := "en"
	switch {
	case l.Language != nil:
		tag = l.Language(r)
	case len(l.Languages) == 1:
		for only := range l.Languages {
			tag = only
		}
	}
	language, ok := l.Languages[tag]
	if !ok {
		tag = "en"
		language = l.Languages[tag]
	}
	s := speech{tag, language.Texts, "ltr"}
	if language.RightToLeft {
		s.dir = "rtl"
	}
	return s
}

// text returns a text. The arguments are the words to insert, without braces, and what to
// insert for each, in turn.
func (s speech) text(name string, args ...string) string {
	text, ok := s.texts[name]
	if !ok {
		if text, ok = english[name]; !ok {
			return name
		}
		if s.dir == "rtl" {
			text = isolate(text) // it is left to right
		}
	}
	if len(args) == 0 {
		return text
	}
	pairs := make([]string, len(args))
	for i, a := range args {
		if i%2 == 0 {
			a = "{" + a + "}"
		} else {
			a = isolate(a)
		}
		pairs[i] = a
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// isolate keeps the direction of what is inserted from that of the text around it: it wraps
// it in FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE, the characters for the element
// bdi. What is inserted contains none itself, because clip removes them. ASCII numbers need
// no isolation.
func isolate(s string) string {
	if strings.Trim(s, "0123456789") == "" {
		return s
	}
	return "\u2068" + s + "\u2069"
}

// number groups the digits of large numbers by narrow spaces, which ISO 80000-1 recommends for all
// languages.
func number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	if len(s) <= 4 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteRune(r)
	}
	return b.String()
}
