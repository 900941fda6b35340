// A small controller as users write them, with controller-runtime: it takes a Lease as leader,
// watches ConfigMaps with the label "mirror" and keeps a second one, owned by the first, equal.
//
//	controller NAME    uses KUBECONFIG; prints "leading NAME" and one line per reconciliation
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	label     = "mirror"
	finalizer = "clients.ubernetes.dev/mirror"
)

type mirrors struct {
	client.Client
	name string
}

func (m *mirrors) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var source corev1.ConfigMap
	if err := m.Get(ctx, request.NamespacedName, &source); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if source.Labels[label] != "source" {
		return ctrl.Result{}, nil
	}
	if !source.DeletionTimestamp.IsZero() {
		fmt.Println("released", request.Name)
		controllerutil.RemoveFinalizer(&source, finalizer)
		return ctrl.Result{}, client.IgnoreNotFound(m.Update(ctx, &source))
	}
	if controllerutil.AddFinalizer(&source, finalizer) {
		if err := m.Update(ctx, &source); err != nil {
			return ctrl.Result{}, err
		}
	}
	copied := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: source.Namespace, Name: source.Name + "-mirror",
	}}
	result, err := controllerutil.CreateOrUpdate(ctx, m.Client, copied, func() error {
		copied.Labels = map[string]string{label: "copy"}
		copied.Data = maps.Clone(source.Data)
		return controllerutil.SetControllerReference(&source, copied, m.Scheme())
	})
	if errors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: 10 * time.Millisecond}, nil
	}
	if err == nil {
		fmt.Println(m.name, result, copied.Name, copied.ResourceVersion)
	}
	return ctrl.Result{}, err
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name string) error {
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	lease, renew, retry := 4*time.Second, 3*time.Second, 500*time.Millisecond
	selector, err := labels.Parse(label)
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		LeaderElection:                true,
		LeaderElectionID:              "mirrors",
		LeaderElectionNamespace:       "default",
		LeaderElectionResourceLock:    resourcelock.LeasesResourceLock,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &lease,
		RenewDeadline:                 &renew,
		RetryPeriod:                   &retry,
		Metrics:                       server.Options{BindAddress: "0"},
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{
			&corev1.ConfigMap{}: {Label: selector},
		}},
	})
	if err != nil {
		return err
	}
	err = mgr.Add(manager.RunnableFunc(func(context.Context) error {
		fmt.Println("leading", name)
		return nil
	}))
	if err != nil {
		return err
	}
	err = ctrl.NewControllerManagedBy(mgr).
		For(&corev1.ConfigMap{}).
		Owns(&corev1.ConfigMap{}).
		Complete(&mirrors{Client: mgr.GetClient(), name: name})
	if err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}
