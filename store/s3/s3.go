// Package s3 keeps the values of a store as objects of a bucket, at any service
// that speaks S3's protocol and its conditional writes. Several processes may
// share a bucket: conditions are decided by the service.
package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/store"
)

// Config names a bucket.
type Config struct {
	Bucket    string // must be there
	Endpoint  string // URL of the service; "": Amazon's, by Region
	Region    string // of the bucket
	PathStyle bool   // the bucket stands in the path of URLs
	AccessKey string // who we are
	SecretKey string // what proves it
	Session   string // token that goes with temporary keys; "" is none
	// Timeout bounds one request; 0: 20s.
	Timeout time.Duration
}

// maxBackoff bounds the pause before a request is sent again: clients wait, and
// are to hear soon of a service that is away.
const maxBackoff = 200 * time.Millisecond

// maxValue is the largest value that is read, in bytes.
const maxValue = 256 << 20

// Store is a bucket as a store. Safe for concurrent use.
type Store struct {
	client  *s3.Client
	bucket  *string
	timeout time.Duration
	idle    func()
}

var _ store.Store = (*Store)(nil)

// New returns the store of a bucket, which it does not ask yet. Errors:
// outcome.Invalid for a configuration that cannot be meant.
func New(c Config) (*Store, error) {
	if c.Bucket == "" || c.AccessKey == "" || c.SecretKey == "" {
		return nil, outcome.New(outcome.Invalid, "a store of type s3 needs a bucket, an access key and a secret key")
	}
	if u, err := url.Parse(c.Endpoint); err != nil || c.Endpoint != "" && u.Host == "" {
		return nil, outcome.New(outcome.Invalid, "the endpoint of a store of type s3 is no URL")
	}
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second,
		ResponseHeaderTimeout: c.Timeout,
	}
	credentials := aws.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: c.SecretKey, SessionToken: c.Session, Source: "configuration"}
	o := s3.Options{
		Region: c.Region, UsePathStyle: c.PathStyle, HTTPClient: &http.Client{Transport: transport},
		Retryer:     retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 3, maxBackoff }),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		// Other services do not know Amazon's newer checksums.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if c.Endpoint != "" {
		o.BaseEndpoint = aws.String(c.Endpoint)
	}
	return &Store{client: s3.New(o), bucket: aws.String(c.Bucket), timeout: c.Timeout, idle: transport.CloseIdleConnections}, nil
}

// Close ends idle connections. Errors: none; the result serves io.Closer
// (outcome.Busy is for stores that can fail here).
func (s *Store) Close() error {
	s.idle()
	return nil
}

// Get returns the content of an object. Errors: as store.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, store.Object, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, store.Object{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: s.bucket, Key: &key})
	if err != nil {
		return nil, store.Object{}, failed(err, key)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, maxValue+1))
	if err == nil && len(data) > maxValue {
		err = errors.New("larger than anything that is stored here")
	}
	if err == nil && out.ContentLength != nil && *out.ContentLength != int64(len(data)) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, store.Object{}, failed(err, key)
	}
	return data, object(key, int64(len(data)), out.ETag, out.LastModified), nil
}

// Head tells of an object. Errors: as store.Store.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Object{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: s.bucket, Key: &key})
	if err != nil {
		return store.Object{}, failed(err, key)
	}
	return object(key, aws.ToInt64(out.ContentLength), out.ETag, out.LastModified), nil
}

// conflicts is how often a write is tried again that the service could not
// order among others.
const conflicts = 8

// Put writes an object. Errors: as store.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, c store.Condition) (store.Object, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Object{}, err
	}
	for i := range conflicts {
		o, err := s.put(ctx, key, value, c)
		if status(err) != http.StatusConflict {
			return o, refused(err, key, c)
		}
		select {
		case <-ctx.Done():
			return store.Object{}, failed(ctx.Err(), key)
		case <-time.After(rand.N(time.Duration(i+1) * 20 * time.Millisecond)):
		}
	}
	return store.Object{}, outcome.New(outcome.Busy, "the store cannot write %s: too many do", key)
}

func (s *Store) put(ctx context.Context, key string, value []byte, c store.Condition) (store.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	in := &s3.PutObjectInput{Bucket: s.bucket, Key: &key, Body: bytes.NewReader(value), ContentLength: aws.Int64(int64(len(value)))}
	if c.Absent {
		in.IfNoneMatch = aws.String("*")
	}
	if c.Match != "" {
		in.IfMatch = &c.Match
	}
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return store.Object{}, err
	}
	now := time.Now()
	return object(key, int64(len(value)), out.ETag, &now), nil
}

// refused sorts out why an object was not written.
func refused(err error, key string, c store.Condition) error {
	code := status(err)
	switch {
	case err == nil:
		return nil
	case c.Absent && code == http.StatusPreconditionFailed:
		return outcome.New(outcome.Conflict, "%s is there already", key)
	case c.Match != "" && (code == http.StatusPreconditionFailed || code == http.StatusNotFound):
		return outcome.New(outcome.PreconditionFailed, "%s was changed", key)
	}
	return unavailable(err, key)
}

// Delete removes an object. Errors: as store.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: s.bucket, Key: &key})
	if err != nil && !absent(err) {
		return unavailable(err, key)
	}
	return nil
}

// List pages through the bucket. Errors: as store.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: s.bucket, Prefix: &prefix})
		for pages.HasMorePages() {
			page, err := s.page(ctx, pages)
			if err != nil {
				yield(store.Object{}, unavailable(err, prefix))
				return
			}
			for _, o := range page.Contents {
				key := aws.ToString(o.Key)
				if store.CheckKey(key) != nil {
					continue
				}
				if !yield(object(key, aws.ToInt64(o.Size), o.ETag, o.LastModified), nil) {
					return
				}
			}
		}
	}
}

func (s *Store) page(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return pages.NextPage(ctx)
}

func object(key string, size int64, tag *string, modified *time.Time) store.Object {
	return store.Object{Key: key, Size: size, Tag: aws.ToString(tag), Modified: aws.ToTime(modified)}
}

// status is that of the answer which err is about, 0 where there was none.
func status(err error) int {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// absent reports that an object is not there. A bucket that is not there is
// trouble.
func absent(err error) bool {
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() == "NoSuchBucket" {
		return false
	}
	return status(err) == http.StatusNotFound
}

func failed(err error, key string) error {
	if absent(err) {
		return outcome.New(outcome.NotFound, "the store has no %s", key)
	}
	return unavailable(err, key)
}

// unavailable keeps what the service said for the log; a client's own context is
// its own error.
func unavailable(err error, key string) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return outcome.Wrap(outcome.Busy, outcome.Opaque(err), "the store cannot be asked for %s", strings.ToValidUTF8(key, ""))
}
