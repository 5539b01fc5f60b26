"""Assert the hand-checked test values of the definitions on this reference."""
import torch

import influence64
import neox64


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


def close(found, expected, what, tolerance=1e-12):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    worst = (torch.as_tensor(found, dtype=torch.float64) - expected).abs().max().item()
    assert worst <= tolerance, f"{what}: off by {worst}"


def explained(x, guess, centred):
    """1 - residual / total over all tokens; centred: the residual's mean is removed too."""
    residual = x - guess
    if centred:
        residual = residual - residual.mean(0)
    return 1 - (residual ** 2).sum() / ((x - x.mean(0)) ** 2).sum()


def check_sae():
    x, bias = vector(1.5, -0.5), vector(0.5, -0.25)
    rows = torch.stack([vector(1, 0.5), vector(-0.5, 1), vector(0.25, -1)])
    columns = torch.stack([vector(1, 0), vector(0, 1), vector(0.5, -0.5)]).T
    state = {"encoder.weight": rows, "encoder.bias": vector(-0.25, 0.5, 0.25), "decoder.weight": columns,
             "bias": bias}
    plain = influence64.AutoEncoder(state, "subtract")
    f = plain.encode(x)
    close(f, [0.625, 0, 0.75], "subtract f")
    close(plain.decode(f), [1.5, -0.625], "subtract yhat")
    published = influence64.AutoEncoder(state, "ignore")
    close(published.encode(x), [1.0, 0, 1.125], "ignore f")
    own = influence64.AutoEncoder(state, "own")
    close(own.encode(x), [0.625, 0, 0.75 * 0.5 ** 0.5], "own f, rescaled by the column norms")
    close(own.decode(own.encode(x)), [1.5, -0.625], "own yhat")
    close(torch.where(f == f.max(), f, 0 * f), [0, 0, 0.75], "topk 1")
    z = published.preactivation(x)
    close(torch.relu(z * (z > vector(1.0, 0.1, 0.5))), [0, 0, 1.125], "jumprelu")
    z = rows @ (x - bias)
    f = (z + vector(-1, 1, 0.25) > 0) * torch.relu(z + vector(0, 1, -0.25))
    close(f, [0, 0.25, 0.25], "gated f")
    close(columns @ f + bias, [0.625, -0.125], "gated yhat")


def check_all():
    close(influence64.entropy(vector(1, 0, 3)), 0.8112781244699546, "entropy of (1, 0, 3)", 1e-10)
    close(influence64.participation(vector(1, 0, 3)), 1.6, "participation of (1, 0, 3)", 1e-10)
    close(influence64.renyi2(vector(1, 0, 3)), 0.6780719051126377, "Renyi 2 of (1, 0, 3)", 1e-10)
    check_sae()
    x = torch.stack([vector(2, 0), vector(0, 4)])
    close(explained(x, torch.stack([vector(2, 1), vector(0, 3)]), False), 0.8, "explained variance")
    guess = torch.stack([vector(3, 1), vector(1, 3)])
    close(explained(x, guess, False), 0.6, "explained variance, pooled")
    close(explained(x, guess, True), 0.8, "explained variance, dl")
    cos, sin = neox64.rotary_angles(2, 4, 1e4, torch.float64)
    q = torch.arange(1, 9, dtype=torch.float64).expand(2, 8)
    close(neox64.rotate(q, cos, sin)[1], [-1.9841106485555495, 1.959900667496664, 2.4623779024123156,
                                          4.019799668334994, 5, 6, 7, 8], "rotary")
    close(neox64.gelu(vector(1.0)), 0.8413447460685429, "gelu erf")
    tanh = torch.nn.functional.gelu(vector(1.0), approximate="tanh")
    close(tanh, 0.8411919906082768, "gelu tanh")


if __name__ == "__main__":
    check_all()
    print("definitions: all test values hold")
