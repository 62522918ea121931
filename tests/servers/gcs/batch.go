package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
)

var part = regexp.MustCompile(`Content-Type: application/http\r?\n`)

// numbered gives each part of a batch a Content-ID: Python's client sends none, and the fake passes over such parts.
func numbered(r *http.Request) *http.Request {
	body, err := io.ReadAll(r.Body)
	if err == nil && !bytes.Contains(body, []byte("Content-ID")) {
		count := 0
		body = part.ReplaceAllFunc(body, func(head []byte) []byte {
			count++
			return append(bytes.Clone(head), fmt.Sprintf("Content-ID: <%d>\r\n", count)...)
		})
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}
