"""Influence of the input tokens on SAE features, by autograd, and the measures of its spread."""
import torch

EPSILON = 1e-12


class AutoEncoder:
    """dictionary_learning's AutoEncoder under a bias rule.

    own: subtract the bias before encoding; rescale by the decoder's column norms unless they are all 1
    subtract: subtract, never rescale; ignore: neither
    """

    def __init__(self, state, rule="own", dtype=torch.float64):
        self.encoder = state["encoder.weight"].to(dtype)
        self.encoder_bias = state["encoder.bias"].to(dtype)
        self.decoder = state["decoder.weight"].to(dtype)
        self.bias = state["bias"].to(dtype)
        self.subtract = rule != "ignore"
        norms32 = state["decoder.weight"].norm(dim=0)
        if rule == "own" and not torch.allclose(norms32, torch.ones_like(norms32)):
            norms = self.decoder.norm(dim=0)
            self.decoder = self.decoder / norms
            self.encoder = self.encoder * norms[:, None]
            self.encoder_bias = self.encoder_bias * norms

    def preactivation(self, y):
        return (y - self.bias if self.subtract else y) @ self.encoder.T + self.encoder_bias

    def encode(self, y):
        return torch.relu(self.preactivation(y))

    def decode(self, f):
        return f @ self.decoder.T + self.bias


def gradients(output, x, seeds):
    """d(seed . output)/dx for every row of seeds [A, len(output)]: [A, T, D]."""
    if seeds.shape[0] == 0:
        return x.new_zeros(0, *x.shape)
    return torch.autograd.grad(output, x, grad_outputs=seeds, is_grads_batched=True, retain_graph=True)[0]


def energy(grads):
    """Sum of squares over the width: [A, T, D] to J [A, T]."""
    return (grads * grads).sum(-1)


def shares(profile):
    """P of J [..., T]: (J + e) / (sum J + e), renormalised."""
    p = (profile + EPSILON) / (profile.sum(-1, keepdim=True) + EPSILON)
    return p / p.sum(-1, keepdim=True)


def entropy(profile):
    """Bits."""
    p = shares(profile)
    return -(p * torch.log2(p)).sum(-1)


def participation(profile):
    return 1 / (shares(profile) ** 2).sum(-1)


def renyi2(profile):
    """Bits."""
    return -torch.log2((shares(profile) ** 2).sum(-1))


def measure_features(output, x, sae, chosen):
    """J [A, T] of the features chosen at output [D], through f itself."""
    f = sae.encode(output)[chosen]
    return energy(gradients(f, x, torch.eye(len(chosen), dtype=x.dtype)))


def measure_residual(output, x):
    """R [T] = |d y / d x[t']|_F^2."""
    return energy(gradients(output, x, torch.eye(len(output), dtype=x.dtype))).sum(0)


def measure_reconstruction(output, x, sae):
    """R [T] = |d yhat / d x[t']|_F^2, through the decoder."""
    yhat = sae.decode(sae.encode(output))
    return energy(gradients(yhat, x, torch.eye(len(yhat), dtype=x.dtype))).sum(0)


def reconstruction_from_rows(output, x, sae):
    """The same from the gradient rows of S = {f > 0}: tr(G^T (W_S^T W_S) G)."""
    live = torch.nonzero(sae.preactivation(output) > 0).flatten()
    rows = gradients(output, x, sae.encoder[live])
    columns = sae.decoder[:, live]
    gram = columns.T @ columns
    return torch.einsum("atd,ab,btd->t", rows, gram, rows)
