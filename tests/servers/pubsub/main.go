// A Pub/Sub server in memory for tests: Google's own pstest, served with room for large messages.
package main

import (
	"fmt"
	"log"
	"net"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	// Its own port keeps gRPC's limit of 4 MiB a message, so its services are served once more.
	fake := pstest.NewServerWithAddress("127.0.0.1:0")
	server := grpc.NewServer(grpc.MaxRecvMsgSize(32 << 20))
	pb.RegisterPublisherServer(server, &fake.GServer)
	pb.RegisterSubscriberServer(server, &fake.GServer)
	fmt.Println(listener.Addr())
	log.Fatal(server.Serve(listener))
}
