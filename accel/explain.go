package accel

import "net/http"

// explain answers with the whole trace of a spec, also where that leads nowhere:
// whoever asks for it here wants to know why.
func (a *Admin) explain(r *http.Request, _ string) (any, string, error) {
	q, err := a.parse(r, "explain")
	if err != nil {
		return nil, "", err
	}
	why, err := a.Registry.Explain(r.Context(), q.Name, q.Spec)
	return why, "", err
}
