"""GPT-NeoX with PyTorch's fused operations, in any dtype: the speed a PyTorch user would get."""
import torch
import torch.nn.functional as F

from neox64 import Config, load_model, rotary_angles, rotate


class Model:
    def __init__(self, config, weights):
        self.config = Config(config) if isinstance(config, dict) else config
        self.weights = weights
        # Attention in one call; off for batched gradients, where its backward falls back to a loop.
        self.fused = True

    @classmethod
    def load(cls, folder):
        return cls(*load_model(folder, torch.float32))

    def embed(self, tokens):
        return F.embedding(tokens, self.weights["gpt_neox.embed_in.weight"])

    def linear(self, name, x):
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, name, x):
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return F.layer_norm(x, (self.config.width,), weight, bias, self.config.eps)

    def attention(self, at, u, angles):
        heads, size = self.config.heads, self.config.head
        qkv = self.linear(at + "attention.query_key_value", u)
        q, k, v = qkv.view(*u.shape[:-1], heads, 3 * size).transpose(-2, -3).split(size, -1)
        q, k = rotate(q, *angles), rotate(k, *angles)
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            later = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
            scores = (q @ k.transpose(-1, -2) * size ** -0.5).masked_fill(later, float("-inf"))
            mixed = torch.softmax(scores, -1) @ v
        return self.linear(at + "attention.dense", mixed.transpose(-2, -3).reshape(u.shape))

    def forward(self, x):
        """x [..., T, D] to the outputs of all blocks, a list of [..., T, D]."""
        angles = rotary_angles(x.shape[-2], self.config.rotary, self.config.rope_base, x.dtype)
        outputs = []
        for layer in range(self.config.layers):
            at = f"gpt_neox.layers.{layer}."
            mixed = self.attention(at, self.norm(at + "input_layernorm", x), angles)
            between = x if self.config.parallel else x + mixed
            norm2 = self.norm(at + "post_attention_layernorm", between)
            inner = F.gelu(self.linear(at + "mlp.dense_h_to_4h", norm2))
            out = self.linear(at + "mlp.dense_4h_to_h", inner)
            x = out + mixed + x if self.config.parallel else between + out
            outputs.append(x)
        return outputs
