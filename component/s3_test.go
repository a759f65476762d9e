package component_test

import (
	"testing"

	"github.com/registryd/registryd/store/s3"
	"github.com/registryd/registryd/store/storetest"
)

func openBucket(t *testing.T, g *storetest.Gateway) *s3.Store {
	t.Helper()
	s, err := s3.New(s3.Config{Bucket: g.Bucket, Endpoint: g.Endpoint, Region: "us-east-1", PathStyle: true, AccessKey: g.Access, SecretKey: g.Secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// The worked session of the contract on a real S3 server, and what a second
// process on the bucket knows of it.
func TestSession_Section4_CN3_CS1_S3(t *testing.T) {
	t.Parallel()
	g := storetest.NewGateway(t)
	s := newSite(t, options{store: openBucket(t, g), shared: true})
	other := newSite(t, options{store: openBucket(t, g), shared: true}) // an empty bucket, as far as it knows
	session(t, s)
	if a := other.get("/widget?hostId=534335364"); a.status != 200 || a.body != codeOf("widget", "1.1.0") {
		t.Errorf("C-N3 another process: %d %s", a.status, a.body)
	}
	if a := other.get("/clock?componentVersion=0.1.0"); a.status != 200 {
		t.Errorf("C-N3 another process: %d %s", a.status, a.body)
	}
	sameJSON(t, "another process", other.register(`{"moment":"^2.24.0","react":"16.9.0"}`).body,
		`{"id":1501267164,"issues":{},"index":{"widget":"1.1.0","clock":"0.1.0","plain":"1.0.0"}}`)
	if a := other.publish("widget", "1.1.0", `{}`); a.status != 409 {
		t.Errorf("C-P5 another process: %d %s", a.status, a.body)
	}
}
