# SPDX-License-Identifier: MIT
# For Spack 1.0 or later: copy this folder into packages/ of a repository of your own
# (spack repo create, spack repo add), let `git` below name your checkout or its origin, then
#   spack install lightcone ^openmpi          (or ^mpich)
from spack_repo.builtin.build_systems.makefile import MakefilePackage

from spack.package import *


class Lightcone(MakefilePackage):
    """How far the features of sparse autoencoders reach back over the input of a language model:
    an MPI batch system."""

    license("MIT")
    git = "file:///path/to/lightcone"
    version("main", branch="main")

    variant("native", default=True, description="For the CPU that builds, not for any x86-64-v3")

    depends_on("c", type="build")
    depends_on("gmake", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3:")
    depends_on("scalapack")
    depends_on("openblas threads=none")
    depends_on("hdf5@1.10: +mpi")
    depends_on("libyaml")
    depends_on("pcre2")
    depends_on("jansson")
    depends_on("utf8proc")
    depends_on("libzip")
    depends_on("openssl")
    depends_on("curl")
    depends_on("zlib-api")
    depends_on("gnuplot", type="run")
    depends_on("cmocka", type="test")
    depends_on("libmicrohttpd", type="test")

    @property
    def build_targets(self):
        return ["all"] + self.settings

    @property
    def settings(self):
        spec = self.spec
        return [
            "MPI=site",
            "LC_CC=" + spec["mpi"].mpicc,
            "LC_SCALAPACK=" + spec["scalapack"].libs.ld_flags,
            "ARCH=" + ("native" if spec.satisfies("+native") else "x86-64-v3"),
        ]

    def install(self, spec, prefix):
        make("install", "PREFIX=" + prefix, *self.settings)

    def check(self):
        make("check", *self.settings)
