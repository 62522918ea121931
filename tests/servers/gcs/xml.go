package main

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
)

// objects answers the XML API (cloud.google.com/storage/docs/xml-api) by asking the JSON API behind it.
type objects struct{ json http.Handler }

func (o objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodGet && name == "" && query.Get("list-type") == "2":
		o.list(w, bucket, query)
	case r.Method == http.MethodPut && r.URL.RawQuery == "":
		o.put(w, r, bucket, name)
	case r.Method == http.MethodDelete:
		answer := o.ask(http.MethodDelete, "/storage/v1/b/"+bucket+"/o/"+url.PathEscape(name), nil)
		w.WriteHeader(answer.Code)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		o.json.ServeHTTP(w, r) // the fake serves /bucket/object itself, ranges included
	default:
		http.Error(w, r.Method+" "+r.URL.String()+" is not served by this fake", http.StatusNotImplemented)
	}
}

func (o objects) put(w http.ResponseWriter, r *http.Request, bucket, name string) {
	query := url.Values{"uploadType": {"media"}, "name": {name}}
	if condition := r.Header.Get("x-goog-if-generation-match"); condition != "" {
		query.Set("ifGenerationMatch", condition)
	}
	answer := o.ask(http.MethodPost, "/upload/storage/v1/b/"+bucket+"/o?"+query.Encode(), r.Body)
	var made struct{ Etag, Generation string }
	if answer.Code == http.StatusOK && json.Unmarshal(answer.Body.Bytes(), &made) == nil {
		w.Header().Set("ETag", made.Etag)
		w.Header().Set("x-goog-generation", made.Generation)
	}
	w.WriteHeader(answer.Code)
}

type object struct{ Key, LastModified, ETag, Size string }

type folder struct{ Prefix string }

type listing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Contents              []object
	CommonPrefixes        []folder
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
}

func (o objects) list(w http.ResponseWriter, bucket string, query url.Values) {
	after := query.Get("start-after")
	answer := o.ask(http.MethodGet, "/storage/v1/b/"+bucket+"/o?"+url.Values{
		"prefix":      {query.Get("prefix")},
		"delimiter":   {query.Get("delimiter")},
		"pageToken":   {query.Get("continuation-token")},
		"startOffset": {after},
	}.Encode(), nil)
	if answer.Code != http.StatusOK {
		w.WriteHeader(answer.Code)
		return
	}
	var found struct {
		Items         []struct{ Name, Updated, Etag, Size string }
		Prefixes      []string
		NextPageToken string
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &found); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	page := listing{IsTruncated: found.NextPageToken != "", NextContinuationToken: found.NextPageToken}
	for _, item := range found.Items {
		if item.Name != after { // startOffset includes it, start-after does not
			page.Contents = append(page.Contents, object{item.Name, item.Updated, item.Etag, item.Size})
		}
	}
	for _, prefix := range found.Prefixes {
		page.CommonPrefixes = append(page.CommonPrefixes, folder{prefix})
	}
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(page)
}

// ask puts a request to the JSON API without a network between.
func (o objects) ask(method, target string, body io.Reader) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, body)
	answer := httptest.NewRecorder()
	o.json.ServeHTTP(answer, request)
	return answer
}
