// Informers of client-go under churn, with the detector that compares what a WatchList brought with
// an exact list at the same version, and panics when they differ.
//
//	KUBE_WATCHLIST_INCONSISTENCY_DETECTOR=true reflector SECONDS MEDIA-TYPE
//
// uses KUBECONFIG. Ends with "equal" and how many objects, starts and changes there were, or with
// the first difference between an informer's store and a fresh list.
package main

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	namespace = "default"
	writers   = 3
	names     = 40
)

var changes, starts atomic.Int64

func main() {
	seconds, err := strconv.Atoi(os.Args[1])
	check(err)
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	check(err)
	config.ContentType = os.Args[2]
	config.AcceptContentTypes = os.Args[2] + ",application/json"
	config.QPS, config.Burst = 400, 400
	client := kubernetes.NewForConfigOrDie(config)
	ctx, stop := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
	defer stop()

	var churning sync.WaitGroup
	for writer := range writers {
		churning.Go(func() { churn(ctx, client, rand.New(rand.NewSource(int64(writer)))) })
	}
	// One that lives as long as the churn, and others that begin in the middle of it.
	lasting := start(client)
	for ctx.Err() == nil {
		short := start(client)
		time.Sleep(300 * time.Millisecond)
		short.stop()
	}
	churning.Wait()
	compare(client, lasting)
	compare(client, start(client))
}

type running struct {
	configMaps, secrets, leases cache.SharedIndexInformer
	end                         chan struct{}
}

func (r *running) stop() { close(r.end) }

func start(client kubernetes.Interface) *running {
	factory := informers.NewSharedInformerFactory(client, 0)
	r := &running{
		configMaps: factory.Core().V1().ConfigMaps().Informer(),
		secrets:    factory.Core().V1().Secrets().Informer(),
		leases:     factory.Coordination().V1().Leases().Informer(),
		end:        make(chan struct{}),
	}
	factory.Start(r.end)
	for kind, synced := range factory.WaitForCacheSync(r.end) {
		if !synced {
			fail("the informer of %v did not fill", kind)
		}
	}
	starts.Add(1)
	return r
}

// Creates, changes and deletes at random; that others were quicker is no error.
func churn(ctx context.Context, client kubernetes.Interface, random *rand.Rand) {
	configMaps := client.CoreV1().ConfigMaps(namespace)
	secrets := client.CoreV1().Secrets(namespace)
	leases := client.CoordinationV1().Leases(namespace)
	for ctx.Err() == nil {
		name := fmt.Sprintf("churn-%d", random.Intn(names))
		meta := metav1.ObjectMeta{Name: name, Labels: map[string]string{"n": strconv.Itoa(random.Intn(9))}}
		var err error
		switch random.Intn(7) {
		case 0:
			err = configMaps.Delete(ctx, name, metav1.DeleteOptions{})
		case 1:
			_, err = secrets.Create(ctx, &corev1.Secret{ObjectMeta: meta}, metav1.CreateOptions{})
		case 2:
			err = secrets.Delete(ctx, name, metav1.DeleteOptions{})
		case 3:
			_, err = configMaps.Create(ctx, &corev1.ConfigMap{ObjectMeta: meta}, metav1.CreateOptions{})
		case 4:
			now := metav1.NowMicro()
			spec := coordinationv1.LeaseSpec{HolderIdentity: &name, RenewTime: &now}
			_, err = leases.Create(ctx, &coordinationv1.Lease{ObjectMeta: meta, Spec: spec}, metav1.CreateOptions{})
		case 5:
			err = leases.Delete(ctx, name, metav1.DeleteOptions{})
		default:
			data := map[string]string{"value": strconv.Itoa(random.Int())}
			_, err = configMaps.Update(ctx, &corev1.ConfigMap{ObjectMeta: meta, Data: data}, metav1.UpdateOptions{})
		}
		if err == nil {
			changes.Add(1)
		}
	}
}

// The store of an informer is the truth, at the latest ten seconds after the last change.
func compare(client kubernetes.Interface, r *running) {
	ctx := context.Background()
	deadline := time.Now().Add(10 * time.Second)
	for {
		truth := map[string]any{}
		configMaps, err := client.CoreV1().ConfigMaps("").List(ctx, metav1.ListOptions{})
		check(err)
		for i := range configMaps.Items {
			truth["configmap "+key(&configMaps.Items[i])] = &configMaps.Items[i]
		}
		secrets, err := client.CoreV1().Secrets("").List(ctx, metav1.ListOptions{})
		check(err)
		for i := range secrets.Items {
			truth["secret "+key(&secrets.Items[i])] = &secrets.Items[i]
		}
		leases, err := client.CoordinationV1().Leases("").List(ctx, metav1.ListOptions{})
		check(err)
		for i := range leases.Items {
			truth["lease "+key(&leases.Items[i])] = &leases.Items[i]
		}
		stored := map[string]any{}
		for kind, informer := range map[string]cache.SharedIndexInformer{
			"configmap ": r.configMaps, "secret ": r.secrets, "lease ": r.leases,
		} {
			for _, object := range informer.GetStore().List() {
				stored[kind+key(object)] = object
			}
		}
		difference := firstDifference(truth, stored)
		if difference == "" {
			fmt.Printf("equal objects=%d starts=%d changes=%d\n", len(truth), starts.Load(), changes.Load())
			return
		}
		if time.Now().After(deadline) {
			fail("%s", difference)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func firstDifference(truth, stored map[string]any) string {
	for name, object := range truth {
		other, there := stored[name]
		if !there {
			return name + " is missing in the store"
		}
		if !reflect.DeepEqual(withoutType(object), withoutType(other)) {
			return fmt.Sprintf("%s differs:\n%+v\n%+v", name, object, other)
		}
	}
	for name := range stored {
		if _, there := truth[name]; !there {
			return name + " is gone but in the store"
		}
	}
	return ""
}

// Watches tell the kind of an object, lists need not.
func withoutType(object any) any {
	copied := reflect.New(reflect.TypeOf(object).Elem())
	copied.Elem().Set(reflect.ValueOf(object).Elem())
	copied.Elem().FieldByName("TypeMeta").SetZero()
	return copied.Interface()
}

func key(object any) string {
	name, err := cache.MetaNamespaceKeyFunc(object)
	check(err)
	return name
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
