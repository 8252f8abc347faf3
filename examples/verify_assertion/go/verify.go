// Package assertion verifies the header Sallyport-Assertion with the standard library.
package assertion

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

const leeway = 5 * time.Second

// ErrRefused is the reason of every refusal: answer 401. Other errors are faults of the key set: answer 503.
var ErrRefused = errors.New("the assertion is refused")

var b64 = base64.RawURLEncoding.Strict()

// Claims are those of a verified assertion.
type Claims struct {
	Issuer      string                     `json:"iss"`
	Audience    string                     `json:"aud"`
	Subject     string                     `json:"sub"`
	TokenIssuer string                     `json:"token_issuer"`
	ClientID    string                     `json:"client_id"`
	Scope       string                     `json:"scope"`
	User        map[string]json.RawMessage `json:"claims"`
	Expires     int64                      `json:"exp"`
	ID          string                     `json:"jti"`
	Method      string                     `json:"htm"`
	Path        string                     `json:"path"`
	BodySHA256  string                     `json:"body_sha256"`
}

// Verifier serves one process. Several share the used jti: in Redis, SET jti 1 NX EX 65.
type Verifier struct {
	resource, audience string
	mutex              sync.Mutex
	keys               map[string]*ecdsa.PublicKey
	fetched            time.Time
	used               map[string]time.Time
}

// New takes MCP_RESOURCE of Sallyport, and its MCP_UPSTREAM or MCP_UPSTREAM_AUDIENCE.
func New(resource, audience string) *Verifier {
	return &Verifier{resource: resource, audience: audience, used: map[string]time.Time{}}
}

// Verify takes the path as it arrived, with its query: request.URL.RequestURI().
func (v *Verifier) Verify(assertion, method, path string, body []byte) (*Claims, error) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 || len(assertion) > 8000 {
		return nil, ErrRefused
	}
	var header struct{ Alg, Kid, Typ string }
	var claims Claims
	signature, err := b64.DecodeString(parts[2])
	if err != nil || len(signature) != 64 || !decode(parts[0], &header) || !decode(parts[1], &claims) {
		return nil, ErrRefused
	}
	if header.Typ != "sallyport-assertion+jwt" || header.Alg != "ES256" {
		return nil, ErrRefused
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	key, err := v.key(header.Kid)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if key == nil || !ecdsa.Verify(key, digest[:], r, s) {
		return nil, ErrRefused
	}
	now, until := time.Now(), time.Unix(claims.Expires, 0).Add(leeway)
	sum := sha256.Sum256(body)
	if claims.Issuer != v.resource || claims.Audience != v.audience || claims.Subject == "" || !now.Before(until) {
		return nil, ErrRefused
	}
	if claims.Method != method || claims.Path != path || claims.BodySHA256 != b64.EncodeToString(sum[:]) {
		return nil, ErrRefused
	}
	for id, ends := range v.used {
		if ends.Before(now) {
			delete(v.used, id)
		}
	}
	if _, again := v.used[claims.ID]; again || claims.ID == "" {
		return nil, ErrRefused
	}
	v.used[claims.ID] = until
	return &claims, nil
}

// key fetches the keys every 5 minutes, and for an unknown kid at most every 30 seconds.
func (v *Verifier) key(kid string) (*ecdsa.PublicKey, error) {
	age := time.Since(v.fetched)
	if key := v.keys[kid]; (key != nil && age < 5*time.Minute) || (v.keys != nil && age < 30*time.Second) {
		return key, nil
	}
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(v.resource + "/jwks.json")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the key set: %s", response.Status)
	}
	var set struct{ Keys []struct{ Kid, Kty, Crv, X, Y string } }
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&set); err != nil {
		return nil, err
	}
	keys := map[string]*ecdsa.PublicKey{}
	for _, jwk := range set.Keys {
		x, errX := b64.DecodeString(jwk.X)
		y, errY := b64.DecodeString(jwk.Y)
		if jwk.Kty != "EC" || jwk.Crv != "P-256" || errX != nil || errY != nil {
			continue
		}
		key := ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(x), Y: new(big.Int).SetBytes(y)}
		if key.Curve.IsOnCurve(key.X, key.Y) {
			keys[jwk.Kid] = &key
		}
	}
	v.keys, v.fetched = keys, time.Now()
	return keys[kid], nil
}

func decode(part string, into any) bool {
	data, err := b64.DecodeString(part)
	return err == nil && json.NewDecoder(bytes.NewReader(data)).Decode(into) == nil
}
