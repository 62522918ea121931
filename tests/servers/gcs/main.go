// A Cloud Storage server for the tests: fake-gcs-server's JSON API, and in front of it the two things that it lacks and
// that clients here need: the XML API's part that delta-rs speaks (xml.go), and batches without Content-ID (batch.go).
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen; port 0: any free one")
	flag.Parse()

	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	place := listener.Addr().String()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener:  true,
		ExternalURL: "http://" + place,
		PublicHost:  place,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("http://" + place)
	log.Fatal(http.Serve(listener, route(server.HTTPHandler())))
}

// route sends a request to the API that its path belongs to.
func route(json http.Handler) http.Handler {
	xml := objects{json}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch first {
		case "batch":
			json.ServeHTTP(w, numbered(r))
		case "", "_internal", "b", "download", "storage", "upload":
			json.ServeHTTP(w, r)
		default:
			xml.ServeHTTP(w, r)
		}
	})
}
