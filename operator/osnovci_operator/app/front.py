"""What a spec says of the way from outside to an app's pods: Ingress, Gateway, nginx. Pure."""

from typing import Annotated

from pydantic import Field

from osnovci_operator.pods import SUBDOMAIN
from osnovci_operator.resource import Model, text

HOST = "^([*][.])?[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"
LABEL = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"


class Gateway(Model):
    """A Gateway of the Gateway API, to which an HTTPRoute is attached."""

    name: Annotated[
        str,
        text(253, f"self.matches('{SUBDOMAIN}')", "must be the name of a Gateway", shortest=1),
    ]
    """The Gateway's name."""
    namespace: Annotated[
        str,
        text(63, f"self.matches('^$|{LABEL}')", "must be the name of a namespace"),
    ] = ""
    """Its namespace, whose Gateway has to allow routes of the app's; empty is the app's own."""


class Ingress(Model):
    """The way in from outside, by the cluster's ingress controller or a Gateway."""

    host: Annotated[
        str,
        text(
            253,
            f"self.matches('{HOST}') && !self.matches('[^.]{{64}}') && !self.matches('^[0-9.]+$')",
            "must be a host name in lower case and no address, such as osnovci.app",
            shortest=1,
        ),
    ]
    """The name under which the app answers."""
    class_name: Annotated[
        str,
        text(253, f"self.matches('^$|{SUBDOMAIN}')", "must be the name of an IngressClass"),
    ] = ""
    """The IngressClass; empty is the cluster's default."""
    tls_secret_name: Annotated[
        str,
        text(253, f"self.matches('^$|{SUBDOMAIN}')", "must be the name of a Secret"),
    ] = ""
    """The Secret with the certificate for the host; empty is plain HTTP."""
    gateway: Gateway | None = None
    """The Gateway that leads to the app too, by an HTTPRoute beside the Ingress."""


class LoadBalancer(Model):
    """An nginx in front of the pods: each request goes to the pod with the fewest connections."""

    replicas: Annotated[int, Field(ge=1, le=100)] = 2
    """The count of nginx pods."""
    sticky: bool = False
    """Let a client stay with its pod, by the cookie server-affinity."""
