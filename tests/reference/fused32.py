"""GPT-NeoX in float32 with PyTorch's fused operations: the speed a PyTorch user would get."""
import torch
import torch.nn.functional as F

from neox64 import Config, load_model, rotary_angles, rotate


class Model:
    def __init__(self, config, weights):
        self.config = Config(config) if isinstance(config, dict) else config
        self.weights = weights

    @classmethod
    def load(cls, folder):
        return cls(*load_model(folder, torch.float32))

    def embed(self, tokens):
        return F.embedding(tokens, self.weights["gpt_neox.embed_in.weight"])

    def linear(self, name, x):
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, name, x):
        return F.layer_norm(x, (self.config.width,), self.weights[name + ".weight"], self.weights[name + ".bias"],
                            self.config.eps)

    def attention(self, at, u, angles):
        heads, size = self.config.heads, self.config.head
        qkv = self.linear(at + "attention.query_key_value", u)
        q, k, v = qkv.view(*u.shape[:-1], heads, 3 * size).transpose(-2, -3).split(size, -1)
        mixed = F.scaled_dot_product_attention(rotate(q, *angles), rotate(k, *angles), v, is_causal=True)
        return self.linear(at + "attention.dense", mixed.transpose(-2, -3).reshape(u.shape))

    def forward(self, x):
        """x [N, T, D] to the outputs of all blocks, a list of [N, T, D]."""
        angles = rotary_angles(x.shape[-2], self.config.rotary, self.config.rope_base, x.dtype)
        outputs = []
        for layer in range(self.config.layers):
            at = f"gpt_neox.layers.{layer}."
            mixed = self.attention(at, self.norm(at + "input_layernorm", x), angles)
            between = x if self.config.parallel else x + mixed
            inner = F.gelu(self.linear(at + "mlp.dense_h_to_4h", self.norm(at + "post_attention_layernorm", between)))
            out = self.linear(at + "mlp.dense_4h_to_h", inner)
            x = out + mixed + x if self.config.parallel else between + out
            outputs.append(x)
        return outputs
